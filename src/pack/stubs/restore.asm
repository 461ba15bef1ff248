; For programs at the lowest addresses. Stubs may look at what lies in front of the image, and there must be zeros; below
; such a program there can be no memory. So its first bytes are not unpacked, but written here, behind all others.
;   nasm -f elf64 restore.asm
bits 64

extern start                    ; address of the program's first byte
extern rest                     ; where to go on: protect.asm, or where the program starts

section .text
global entry
entry:
        mov     rax, strict qword 0
global first
first   equ $-8                 ; the program's first bytes
        mov     [start], rax
        xor     eax, eax
        jmp     rest
