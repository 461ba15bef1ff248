; Undoes what src/pack/cm/lines.ts makes: a bit is predicted by what has been counted in contexts, mixed with weights that
; learn. Each context has a line of 64 bytes in a table for every half of a byte, found by a hash of the bytes that its
; mask names and of the half in front. In a line are 15 slots, one for each beginning of the four bits; in the place of
; the first lies the hash itself. A hash has two lines to lie in; where others have them both, the one whose first bit has
; been counted less often is cleared and taken.
; A slot counts zeros and ones (a byte each) and has a value of its own (a word). The difference of the counts'
; logarithms, weighted, and the value are added up to the logarithm of the odds of a 0. Weights are the sum of those of
; four sets: by state and length of the instruction, by the byte before, by the one before that, and by the bits so far.
; An arithmetic decoder tells the bit.
;
; `payload` begins with kinds of opcodes in runs, then comes the model: scale (float32, also the multiplier of the hash),
; x87 control word, start (float32: 127 in units of the sum), five float32 (first weight, what is added to counts, rate of
; weights, a little more than 1, rate of values), masks of contexts. Then come the coded bits.
; All arithmetic is IEEE double precision on the x87 unit, weights are single: the same on every processor.
bits 64

extern payload, image, image_end, entry, scratch

%include "instructions.inc"
%include "coder.inc"

%define SCALE rbx
%define CONTROL rbx+4
%define START rbx+5            ; its lowest byte is the control word's other one
%define WEIGHT rbx+9
%define COUNT rbx+13
%define RATE rbx+17
%define ONE rbx+21
%define VALUE_RATE rbx+25
MASKS equ 29

%define CODE r8d
%define RANGE r9d
%define BY_STATE r10            ; weights of the sets that are in use
%define BY_LAST r11
%define BY_BEFORE r12
%define BY_BITS r13
%define NODE r14                ; the bits of this half so far, behind a 1
%define SIGN r15d               ; 0, or -1 if the bit is 1
%define LINES rbp-128           ; addresses of the contexts' lines, from the second one on
%define INPUTS rsp              ; what the contexts' counts say, likewise
%define HASHES rsp+124          ; of the bytes that the contexts see, without the bits of this one

; In `scratch`
LOGARITHMS equ 0x280
LAST_WEIGHTS equ 0x680          ; 256 sets of 64, of which 32 are used
BEFORE_WEIGHTS equ 0x10680
BITS_WEIGHTS equ 0x20680
STATE_WEIGHTS equ 0x30680       ; 32 states, 256 sets each
TABLE equ 0x230680

section .text
global _start
_start:
        UNFOLD  MASKS+32
        push    rsp
        pop     rbp
        sub     rsp, 384
        mov     edi, scratch+LOGARITHMS
        fldcw   [CONTROL]       ; round to double precision
.logarithm:                     ; the bits of floats are nearly their logarithms
        push    rcx
        fild    dword [rsp]
        fadd    dword [COUNT]
        fstp    dword [rdi]
        fild    dword [rdi]
        fstp    dword [rdi]
        scasd
        pop     rcx
        inc     cl
        jnz     .logarithm
        mov     edi, image
        fld1
        inc     RANGE           ; three bytes are read before the first bit
.byte:
        push    16
global contexts
contexts equ $-1                ; how many
        pop     rcx
.context:
        mov     edx, [rbx+rcx*2+MASKS-4]        ; mask in the upper half, and another
        mov     eax, edx        ; tells contexts apart
        push    rcx
        push    15
        pop     rcx
.hash:  add     edx, edx
        jnc     .skip
        xor     al, [BITS+rcx]
        imul    eax, [SCALE]
.skip:  loop    .hash
        pop     rcx
        mov     [HASHES+rcx*4], eax
        loop    .context
        inc     byte [BITS]
.half:
        mov     cl, 16          ; rcx is 0
global contexts2
contexts2 equ $-1
.find:
        mov     eax, [HASHES+rcx*4]
        xor     al, [BITS]
        imul    eax, [SCALE]
        mov     edx, eax
        shr     edx, 8
global shift
shift   equ $-1                 ; 26 less the logarithm of the number of lines
        and     dl, 0xc0
        add     edx, scratch+TABLE
        cmp     [rdx], eax
        je      .found
        xor     dl, 64
        cmp     [rdx], eax
        je      .found
        mov     r10w, [rdx+4]    ; counts of the first bit; what is first among them matters little
        xor     dl, 64
        cmp     [rdx+4], r10w
        jbe     .take
        xor     dl, 64
.take:  xorps   xmm0, xmm0
        movaps  [rdx], xmm0
        movaps  [rdx+16], xmm0
        movaps  [rdx+32], xmm0
        movaps  [rdx+48], xmm0
        mov     [rdx], eax
.found: mov     [LINES+rcx*4], edx
        loop    .find
        push    1
        pop     NODE

.normalise:
        mov     eax, RANGE
        shr     eax, 23
        jnz     .bit
        shl     RANGE, 8
        shl     CODE, 8
        lodsb
        or      CODE, eax
        jmp     .normalise

.bit:
        mov     al, [BITS]
        shl     al, 4
        or      eax, NODE%+d
        shl     eax, 8
        lea     BY_BITS%+d, [rax+scratch+BITS_WEIGHTS]
        mov     ah, [BITS+1]
        lea     BY_LAST%+d, [rax+scratch+LAST_WEIGHTS]
        mov     ah, [BITS+2]
        lea     BY_BEFORE%+d, [rax+scratch+BEFORE_WEIGHTS]
        movzx   eax, word [LENGTH]      ; state in the upper half
        shl     eax, 8
        lea     BY_STATE%+d, [rax+scratch+STATE_WEIGHTS]
        fld     dword [START]
        mov     cl, 16
global contexts3
contexts3 equ $-1
.sum:
        mov     eax, [LINES+rcx*4]
        lea     eax, [rax+NODE*4]
        movzx   edx, byte [rax]
        fld     dword [rdx*4+scratch+LOGARITHMS]
        mov     dl, [rax+1]
        fsub    dword [rdx*4+scratch+LOGARITHMS]
        fst     dword [INPUTS+rcx*4]
        fld     dword [WEIGHT]
        fadd    dword [BY_STATE+rcx*4]
        fadd    dword [BY_LAST+rcx*4]
        fadd    dword [BY_BEFORE+rcx*4]
        fadd    dword [BY_BITS+rcx*4]
        fmulp
        fiadd   word [rax+2]
        faddp
        loop    .sum

        ; 2^sum without a table, by the bits of a float.
        fmul    dword [SCALE]
        fistp   dword [rsp]
        fld     dword [rsp]
        fadd    dword [ONE]     ; no bit is certain
        fdivr   st0, st1        ; probability of a 1: 1 / (1 + 2^sum)
        push    r9              ; RANGE
        fild    dword [rsp]
        fmul    st0, st1
        fistp   dword [rsp]
        pop     rdx
        inc     edx             ; nor impossible
        TELL_BIT
        sbb     SIGN, SIGN
        fld     st0
        fmul    dword [VALUE_RATE]
        push    rax
        fistp   dword [rsp]
        pop     rdx
        fmul    dword [RATE]
        mov     cl, 16
global contexts4
contexts4 equ $-1
.learn:
        mov     eax, [LINES+rcx*4]
        lea     eax, [rax+NODE*4]
        add     [rax+2], dx
        sub     eax, SIGN
        inc     byte [rax]
        jnz     .counted
        dec     byte [rax]
.counted:
        xor     al, 1
        cmp     byte [rax], 4   ; the other count: a quarter of it and two, if that is less
        jb      .few
        shr     byte [rax], 2
        add     byte [rax], 2
.few:
        fld     dword [INPUTS+rcx*4]
        fmul    st0, st1
        fld     st0
        fadd    dword [BY_STATE+rcx*4]
        fstp    dword [BY_STATE+rcx*4]
        fld     st0
        fadd    dword [BY_LAST+rcx*4]
        fstp    dword [BY_LAST+rcx*4]
        fld     st0
        fadd    dword [BY_BEFORE+rcx*4]
        fstp    dword [BY_BEFORE+rcx*4]
        fadd    dword [BY_BITS+rcx*4]
        fstp    dword [BY_BITS+rcx*4]
        loop    .learn
        fstp    st0

        add     SIGN, SIGN      ; carry: the bit
        adc     NODE%+d, NODE%+d
        test    NODE%+b, 16
        jz      .normalise
        mov     al, [BITS]
        mov     [BITS], NODE%+b
        shl     al, 4           ; 1 in front of the first half: no carry
        jnc     .half
        add     al, NODE%+b
        sub     al, 16
        movzx   eax, al
        mov     [BITS], al
        stosb
        NEXT_STATE 1, 1
        cmp     edi, image_end
        jne     .byte

        CHECK_CODE
        mov     rsp, rbp
global clear                    ; what is not needed is left out
clear:  mul     ecx
        xor     eax, eax
        xor     edx, edx
        xor     RANGE, RANGE
        xor     BY_STATE%+d, BY_STATE%+d
        xor     BY_LAST%+d, BY_LAST%+d
        xor     BY_BEFORE%+d, BY_BEFORE%+d
        xor     BY_BITS%+d, BY_BITS%+d
        xor     NODE%+d, NODE%+d
        xor     SIGN, SIGN
        xor     ebx, ebx
        xor     esi, esi
        xor     edi, edi
        xor     ebp, ebp
        jmp     entry
