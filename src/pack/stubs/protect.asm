; For programs in two segments (--segments=split): makes the code of an unpacked image executable and no longer
; writable, and starts it. A stub jumps here in place of the image's entry, with all registers but rsp zero, and so
; the image finds them.
;   nasm -f elf64 protect.asm
bits 64

extern image_entry              ; where the image starts
extern code                     ; its first page of code
extern code_size                ; bytes of all of its pages of code

SYS_mprotect equ 10
PROT_READ equ 1
PROT_EXEC equ 4

section .text
global entry:weak, rest         ; restore.asm comes before it, if it is there
entry:
rest:
        mov     edi, code
        mov     esi, code_size
        push    PROT_READ | PROT_EXEC
        pop     rdx
        push    SYS_mprotect
        pop     rax
        syscall                 ; sets rcx and r11; what fails here, SIGSEGV ends
        xor     ecx, ecx
        xor     edx, edx
        xor     edi, edi
        xor     esi, esi
        xor     r11d, r11d
        jmp     image_entry
