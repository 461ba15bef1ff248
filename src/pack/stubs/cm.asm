; The smallest decoder of what src/pack/cm makes. A bit is predicted by a sum: every context has a slot in a table, found
; by a hash of the bytes that its mask names and of the bits of this byte so far, and the slots' values add up to the
; logarithm of the odds. Then every slot of the sum moves against the error, the less the more it has moved already
; (AdaGrad). An arithmetic decoder tells the bit.
;
; `payload` begins with the model: scale (float32, also the multiplier of the hash), masks of contexts, x87 control word,
; bias (float32: 127 in units of the sum). Then come the coded bits, from the lowest of each byte on.
; All arithmetic is IEEE double precision on the x87 unit, slots are single: the same on every processor.
bits 64

extern payload, image, image_end, entry, scratch

%define SCALE rbx
%define MASKS rbx+4
%define ANYWHERE rbx+0x7f       ; behind the masks: one byte, which is at the end of the instruction
%define RANGE ebp
%define CODE r8d

%include "coder.inc"

section .text
global _start
_start:
        mov     ebx, payload
        mov     edi, image
        fldcw   [ANYWHERE]      ; round to double precision
global control
control equ $-1
        fld1
        inc     RANGE           ; 31 bits are read before the first is told
        jmp     .byte
.shift:
        bt      [ANYWHERE], esi
global stream
stream  equ $-1
        adc     CODE, CODE
        inc     esi
        add     RANGE, RANGE
        jmp     .normalise
.byte:
        inc     byte [rdi]
.normalise:
        test    RANGE, RANGE
        jns     .shift

        fld     dword [ANYWHERE]        ; its lowest byte is the control word's other one
global bias
bias    equ $-1
        mov     cl, 16          ; rcx is 0, as it is when the program starts
global contexts
contexts equ $-1                ; how many
.context:
        mov     edx, [MASKS+rcx-1]      ; mask in the lowest byte, and what lies behind
        mov     eax, edx        ; tells contexts apart
        push    rdi
.hash:  xor     al, [rdi]
        imul    eax, [SCALE]
.skip:  dec     edi
        shr     dl, 1           ; the lowest bit is for the byte before
        jc      .hash
        jnz     .skip
        pop     rdi
        shr     eax, 12
global shift
shift   equ $-1                 ; 32 less the logarithm of the table's size
        lea     eax, [rax*8+scratch]
        push    rax
        fadd    dword [rax]
        loop    .context

        ; The bits of a float are nearly the logarithm of what it is: 2^sum without a table.
        fmul    dword [SCALE]
        fistp   dword [rsp-4]
        fld     dword [rsp-4]
        fadd    st0, st1
        fdivr   st0, st1        ; probability of a 1: 1 / (1 + 2^sum)
        push    rbp             ; RANGE
        fild    qword [rsp]
        fmul    st0, st1
        fistp   qword [rsp]
        pop     rdx
        TELL_BIT
        fld     st0
        fabs
        mov     cl, 16
global contexts2
contexts2 equ $-1
.update:                        ; no instruction in here changes carry
        pop     rax
        fld     st0
        fadd    dword [rax+4]
        fst     dword [rax+4]
        dec     word [rax+6]    ; half a percent less
        fsqrt
        fdivr   st0, st2
        fadd    dword [rax]
        fstp    dword [rax]
        loop    .update
        fcompp
        rcl     byte [rdi], 1
        jnc     .normalise
        scasb                   ; a byte less than INC
        cmp     edi, image_end
        jne     .byte

        CHECK_CODE
global clear                    ; what is not needed is left out
clear:  mul     ecx
        xor     eax, eax
        xor     edx, edx
        xor     ebx, ebx
        xor     esi, esi
        xor     edi, edi
        xor     ebp, ebp
        jmp     entry
