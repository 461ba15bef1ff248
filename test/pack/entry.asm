; Looks at what a program finds when it starts, as the kernel leaves it, and says what is different. Then it prints its
; arguments and a variable of its environment, one a line. The exit code is the number of arguments.
;   nasm -f elf64 entry.asm
bits 64

extern __ehdr_start

SYS_write equ 1
SYS_exit equ 60
AT_NULL equ 0
AT_PHDR equ 3
AT_PHNUM equ 5
E_PHOFF equ 32
E_PHNUM equ 56

section .text
global _start
_start:
        mov     [saved], rax
        or      [saved], rbx
        or      [saved], rcx
        or      [saved], rdx
        or      [saved], rsi
        or      [saved], rdi
        or      [saved], rbp
        or      [saved], r8
        or      [saved], r9
        or      [saved], r10
        or      [saved], r11
        or      [saved], r12
        or      [saved], r13
        or      [saved], r14
        or      [saved], r15
        pushf
        pop     rax
        mov     [flags], rax
        mov     [stack], rsp

        cmp     qword [saved], 0
        mov     esi, registers
        call    unless
        test    byte [flags + 1], 4
        mov     esi, direction
        call    unless
        test    rsp, 15
        mov     esi, alignment
        call    unless

        mov     edi, zeros
        mov     ecx, zeros_size
        xor     eax, eax
        repe    scasb
        mov     esi, not_zero
        call    unless
        cmp     dword [value], 0x12345678
        mov     esi, wrong
        call    unless

        mov     rbx, [rsp]              ; argc
        lea     rbp, [rsp + 8]
.argument:
        mov     rsi, [rbp]
        call    line
        add     rbp, 8
        cmp     qword [rbp], 0
        jne     .argument
        mov     rsi, [rbp + 8]          ; envp[0]
        call    line
.environment:
        add     rbp, 8
        cmp     qword [rbp], 0
        jne     .environment
        add     rbp, 8
.auxiliary:
        mov     rax, [rbp]
        mov     rdx, [rbp + 8]
        add     rbp, 16
        cmp     eax, AT_PHDR
        jne     .number
        mov     ecx, __ehdr_start
        sub     rdx, rcx
        cmp     rdx, [rcx + E_PHOFF]
        mov     esi, phdr
        call    unless
        jmp     .auxiliary
.number:
        cmp     eax, AT_PHNUM
        jne     .last
        cmp     dx, [__ehdr_start + E_PHNUM]
        mov     esi, phnum
        call    unless
        jmp     .auxiliary
.last:
        test    eax, eax
        jne     .auxiliary
        cmp     rsp, [stack]
        mov     esi, moved
        call    unless
        mov     edi, ebx
        mov     eax, SYS_exit
        syscall

; Writes the text at rsi unless the zero flag is set.
unless:
        jne     line
        ret

; Writes the text at rsi, and a line end.
line:
        push    rax
        push    rcx
        xor     edx, edx
.next:
        inc     edx
        cmp     byte [rsi + rdx - 1], 0
        jne     .next
        dec     edx
        mov     edi, 1
        mov     eax, SYS_write
        syscall
        mov     esi, newline
        mov     edx, 1
        mov     eax, SYS_write
        syscall
        pop     rcx
        pop     rax
        ret

section .rodata
registers db "a register is not zero", 0
direction db "the direction flag is set", 0
alignment db "the stack is not aligned", 0
not_zero db ".bss is not zero", 0
wrong db ".data is wrong", 0
phdr db "AT_PHDR is wrong", 0
phnum db "AT_PHNUM is wrong", 0
moved db "the stack is unbalanced", 0
newline db 10

section .data
value   dd 0x12345678
; What store makes smaller.
fill    times 20000 db 0x55

section .bss
zeros   resb 100000
zeros_size equ $ - zeros
saved   resq 1
flags   resq 1
stack   resq 1
