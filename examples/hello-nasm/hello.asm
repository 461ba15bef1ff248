        bits 64
        default rel
        global _start

        section .text
_start: mov     eax, 1          ; write
        mov     edi, 1
        lea     rsi, [text]
        mov     edx, text.size
        syscall
        mov     eax, 60         ; exit
        xor     edi, edi
        syscall

        section .rodata
text:   db      "Hello, nasm!", 10
.size   equ     $ - text
