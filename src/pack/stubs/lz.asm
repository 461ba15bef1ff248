; The stub of method lz: decompresses an image and starts it. src/pack/lz describes the format (tokens.ts), the model
; (model.ts), the coder (rangeEncoder.ts) and the states of instructions (x86State.ts); src/pack/filter/branches.ts the
; filter. The bytes stand in lz.ts; a test assembles this file and compares.
;
; At entry all registers but rsp are zero, as Linux leaves them, and so they are again when the program starts.
; Throughout: rbx  bl the last opcode, bh the phase in the instruction: the state
;             rbp  range          r12  difference of the code to the low end of the range
;             rsi  payload        rdi  image
;             r8, r9  the rows of the two contexts    edx  the slot in both
;             r15  kinds of the last two tokens, times 16
;             rsp  last four distances, a byte: bytes of immediate operand behind ModRM, another: the last of the image
bits 64

extern payload, image, image_end, entry, scratch
global _start, shift_left, shift_right

ROW_SLOTS       equ 272
; Rows, as in model.ts
EXPONENT_SHORT  equ 0
BITS_LEFT       equ 32
EXPONENT        equ 64
KIND_HISTORY    equ 96
LENGTH_KIND     equ 352
LENGTH_HISTORY  equ 416
EXPONENT_LENGTH equ 672
LITERAL_BYTE    equ 928
LITERAL_MATCH   equ 1184
STATE           equ 1440
; The slot of the first decision of a token's kind
KIND_SLOT       equ 256

SECOND_OPCODE   equ 10
AFTER_PREFIX    equ 11
MODRM           equ 12

section .text exec align=1

_start:
    push    rax
    push    rax
    push    rax
    push    rax
    push    rax
    mov     esi, payload
; Spreads the runs of opcodes of a kind, at the start of the payload, to a table.
    mov     edi, scratch
    mov     ebx, followers
.runs:
    lodsb
    mov     ecx, eax
    and     al, 7
    xlatb
    shr     ecx, 3
    rep stosb
    cmp     edi, scratch + 512
    jb      .runs
    xor     eax, eax
    xor     ebx, ebx
    lodsd
    xchg    rax, r12
    lodsd
    shl     r12, 32
    or      r12, rax
    or      rbp, -1
    mov     edi, image

.token:
    lea     r8d, [rbx + STATE]
    movzx   eax, bh
    lea     r9d, [rax + r15 + KIND_HISTORY]
    xor     r13d, r13d
.kind:
    lea     edx, [r13 + KIND_SLOT]
    call    decide
    test    dl, 1
    jz      .known
    inc     r13d
    cmp     r13d, 5
    jb      .kind
.known:
    mov     eax, r13d
    cmp     al, 3
    jbe     .remember
    mov     al, 3
.remember:
    shl     eax, 4
    lea     r15d, [rax + r15 * 4]
    and     r15d, 0xf0
    test    r13d, r13d
    jnz     .match

    lea     r9d, [rbx + STATE]
    test    r15b, r15b
    jz      .literal
    mov     rcx, rdi
    sub     rcx, [rsp]
    movzx   r9d, byte [rcx]
    add     r9d, LITERAL_MATCH
.literal:
    movzx   r8d, byte [rsp + 33]
    add     r8d, LITERAL_BYTE
    push    1
    pop     rdx
.bits:
    call    decide
    test    dh, dh
    jz      .bits
    xchg    eax, edx
    push    1
    pop     r13
    jmp     .put

.match:
    lea     r8d, [rax + LENGTH_KIND]
    lea     r9d, [r15 + LENGTH_HISTORY]
    push    1
    pop     r14
.unary:
    xor     edx, edx
    call    decide
    inc     r8d
    inc     r9d
    add     r14d, r14d
    dec     edx
    jz      .unary
    shr     r14d, 1
    neg     edx
.length:
    cmp     edx, r14d
    jae     .counted
    call    decide
    jmp     .length
.counted:
    dec     r13d
    jnz     .repeat

    push    rdx
    lea     r8d, [rdx + EXPONENT_LENGTH]
    push    4
    pop     r9
    cmp     edx, r9d
    cmovb   r9d, edx
    push    1
    pop     rdx
    mov     r14d, edx
.exponent:
    call    decide
    test    dl, 32
    jz      .exponent
    lea     r8d, [rdx + EXPONENT - 32]
    mov     r9d, edx            ; BITS_LEFT + exponent
    mov     edx, r14d
.distance:
    cmp     r9d, BITS_LEFT
    je      .far
    dec     r9d
    call    decide
    bt      edx, 0
    adc     r14d, r14d
    btr     edx, 4
    jnc     .distance
    and     dl, 7
    or      dl, 8
    jmp     .distance
.far:
    pop     rdx
    inc     edx
    xchg    rax, r14
    push    3
    pop     r13
    jmp     .shift

.repeat:
    dec     r13d
    mov     rax, [rsp + r13 * 8]
    jz      .front
.shift:
    mov     rcx, [rsp + r13 * 8 - 8]
    mov     [rsp + r13 * 8], rcx
    dec     r13d
    jnz     .shift
.front:
    mov     [rsp], rax
    mov     r13d, edx

.copy:
    mov     rcx, rdi
    sub     rcx, [rsp]
    mov     al, [rcx]
.put:
    stosb
    mov     [rsp + 33], al
    call    step
    dec     r13d
    jnz     .copy
    cmp     edi, image_end
    jb      .token

; The filter.
    mov     esi, image
    xor     ebx, ebx
    jmp     .other
.filter:
    lodsb
    call    step
    mov     al, [rsi - 1]
    cmp     bh, 4
    jb      .other
    cmp     al, bl
    je      .branch
    and     al, 0xc7
    cmp     al, 5
    je      .target
    jmp     .other
.branch:
    cmp     bh, 4
    jne     .other
    and     al, 0xfe
    cmp     al, 0xe8
    je      .target
    and     al, 0xf0
    cmp     al, 0x80
    jne     .other
.target:
    mov     edx, [rsi]
    bswap   edx
    call    extend
    je      .short
    bswap   edx
    call    extend
    jne     .long
    bswap   edx
    mov     ecx, edx
    jmp     .store
.short:
    sub     edx, esi
    add     edx, image - 4
    call    extend
.store:
    mov     [rsi], ecx
.long:
    add     rsi, 4
    sub     bh, 4
.other:
    cmp     esi, image_end - 4
    jb      .filter

; Unless all is as it was written, what is left in r12 leads far from the program.
    bswap   r12
    lea     rax, [r12 + entry]
    add     rsp, 40
    push    rax
    xor     eax, eax
    xor     ecx, ecx
    xor     edx, edx
    xor     ebx, ebx
    xor     ebp, ebp
    xor     esi, esi
    xor     edi, edi
    xor     r8d, r8d
    xor     r9d, r9d
    xor     r10d, r10d
    xor     r11d, r11d
    xor     r12d, r12d
    xor     r13d, r13d
    xor     r14d, r14d
    xor     r15d, r15d
    ret

; Extends the sign of a distance in edx to ecx; ZF says whether it is one.
extend:
    mov     ecx, edx
    shl     ecx, 7
shift_left equ $ - 1
    sar     ecx, 7
shift_right equ $ - 1
    cmp     ecx, edx
    ret

; Goes on by the byte in al to the next state. Changes eax.
step:
    cmp     bh, MODRM
    je      .modrm
    dec     bh
    cmp     bh, SECOND_OPCODE - 1
    jb      .done
    mov     bl, al
    cmp     al, 0x40
    jae     .opcode
    and     al, 7
.opcode:
    movzx   eax, al
    cmp     bh, SECOND_OPCODE - 1
    jne     .first
    inc     ah
.first:
    mov     al, [rax + scratch]
    mov     bh, al
    and     bh, 15
    shr     al, 4
    mov     [rsp + 40], al
    jmp     .done
.modrm:
    mov     bh, [rsp + 40]
    cmp     al, 0xc0
    jae     .done
    mov     ah, al
    and     ah, 7
    cmp     ah, 4
    jne     .displacement
    inc     bh
.displacement:
    shr     al, 6
    dec     al
    jz      .byte
    jg      .four
    cmp     ah, 5
    jne     .done
.four:
    add     bh, 3
.byte:
    inc     bh
.done:
    ret

; Decides by the slots edx of rows r8d and r9d: edx becomes twice edx and the bit.
; Changes rax, rcx, r10, r11.
decide:
    imul    r10d, r8d, ROW_SLOTS * 4
    imul    r11d, r9d, ROW_SLOTS * 4
    mov     eax, [r10 + rdx * 4 + scratch]
    add     eax, [r11 + rdx * 4 + scratch]
    lea     r10, [r10 + rdx * 4 + scratch]
    lea     r11, [r11 + rdx * 4 + scratch]
    sar     eax, 15
    add     eax, 0x10000
    mov     rcx, rbp
    shr     rcx, 17
    imul    rax, rcx
    sub     rbp, rax
    mov     rcx, r12
    sub     rcx, rax
    cmovc   rbp, rax
    cmovnc  r12, rcx
    adc     edx, edx
    mov     rcx, rbp
    shr     rcx, 32
    jnz     .move
    shl     rbp, 32
    shl     r12, 32
    mov     ecx, [rsi]
    add     rsi, 4
    or      r12, rcx
.move:
    call    .one
    xchg    r10, r11
.one:
    bt      edx, 0
    sbb     eax, eax
    xor     eax, 0xc0007fff
    mov     ecx, [r10]
    sub     eax, ecx
    and     ecx, 31
    shr     ecx, 3
    add     ecx, 2
    sar     eax, cl
    and     eax, -32
    cmp     ecx, 5
    adc     eax, 0
    add     [r10], eax
    ret

followers:
    db      0, 1, 4, MODRM, MODRM | 1 << 4, MODRM | 4 << 4, AFTER_PREFIX, SECOND_OPCODE
