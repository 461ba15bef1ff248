; The simplest stub: copies the payload to its place and repeats the last byte of it. For tests of all that is not a
; method of compression.
;   nasm -f elf64 store.asm
bits 64

extern payload
extern image
extern entry
extern scratch

section .text
global _start
_start:
        mov     esi, payload
        mov     edi, image
        mov     ecx, 0
copied equ $ - 4                ; bytes of the payload
        rep     movsb
        mov     al, [rdi - 1]
        mov     ecx, 0
repeated equ $ - 4              ; bytes that follow it, all of them like its last one
        rep     stosb
        mov     ecx, scratch
        cmp     dword [rcx + 0x1ffc], 0
        jne     $               ; scratch memory is not zero
        mov     [rcx + 0x1ffc], edi
        mov     dword [rcx + 0x1ffc], 0
        xor     eax, eax
        xor     ecx, ecx
        xor     esi, esi
        xor     edi, edi
        jmp     entry
