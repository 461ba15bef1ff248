; The stub of method lz: decompresses an image and starts it. src/pack/lz describes the format (tokens.ts), the model
; (model.ts) and the coder (rangeEncoder.ts), src/pack/filter the states of instructions (instructionState.ts) and the
; filter (branches.ts). The bytes stand in lz.ts; a test assembles this file and compares.
;
; The programs that this is for are so large that time counts here, and hardly a byte: what comes next cannot be
; foretold, so that nothing jumps that need not.
;
; At entry all registers but rsp are zero, as Linux leaves them, and so they are again when the program starts.
; Throughout: ebx  the state: bl the last opcode, bh the phase in the instruction
;             rbp  range          r12  difference of the code to the low end of the range
;             rdi  image          r15  end of the list of distances
;             r8, r9  addresses of the rows of the two contexts    edx  the slot in both
;             rsp  last four distances, the last byte of the image
bits 64

extern payload, image, image_end, entry, scratch
global _start, shift_left, shift_right

ROW_SIZE        equ 272 * 4
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
ROWS            equ STATE + PHASES * 256
; The slot of the first decision of a token's kind
KIND_SLOT       equ 256

; Phases, as in instructionState.ts: so many in which an opcode comes, three for ModRM, and one for each byte of operands
OPCODES         equ 3
OPERAND         equ 5
MOST_LEFT       equ 9
PHASES          equ OPERAND + MOST_LEFT + 1
DISTANCE_SIZE   equ 4

; Behind the rows
TRANSITIONS     equ scratch + ROWS * ROW_SIZE           ; words by state and byte: the next phase in the upper half
INPUT           equ TRANSITIONS + PHASES * 512          ; address of the payload that comes next
KINDS           equ INPUT + 4                           ; of the last two tokens, times 16
LIST            equ KINDS + 4                           ; addresses of distances, ascending

; Leaves the address of row %2 + %3 in %1.
%macro ROW 3
        imul    %1, %2, ROW_SIZE
        add     %1, scratch + (%3) * ROW_SIZE
%endmacro

; Moves the slot at %1, which is in ecx, towards %2. Changes both.
%macro MOVE 2
        sub     %2, ecx
        shr     ecx, 3
        and     ecx, 3
        add     ecx, 2
        sar     %2, cl
        and     %2, -32
        cmp     ecx, 5
        adc     [%1], %2
%endmacro

; Appends the byte in eax to the image. Changes rax, rcx, rdx.
%macro APPEND 0
        mov     [rdi], al
        inc     rdi
        mov     ecx, ebx
        mov     cl, al
        movzx   ecx, word [rcx * 2 + TRANSITIONS]
        cmp     ebx, OPCODES << 8
        cmovae  eax, ebx        ; the opcode stays
        mov     [r15], edi      ; to be counted only
        movzx   edx, cl         ; if a distance comes
        add     r15, rdx
        mov     cl, al
        mov     ebx, ecx
%endmacro

section .text exec align=1

_start:
    push    rax
    push    rax
    push    rax
    push    rax
    push    rax

; Phases behind opcodes: runs of one kind, at the start of the payload. Opcodes below 0x40 are as the first eight.
    mov     esi, payload
    mov     edi, TRANSITIONS
.runs:
    lodsb
    mov     ecx, eax
    and     eax, 15
    shr     ecx, 4
    mov     ax, [rax * 2 + followers]
    rep stosw
    movzx   eax, cl
    cmp     edi, TRANSITIONS + 2 * 512
    jb      .runs
    mov     edx, esi
    mov     esi, TRANSITIONS
    mov     edi, TRANSITIONS + 2 * 8
    mov     cl, 0x40 - 8
    rep movsw
    mov     esi, TRANSITIONS
    mov     edi, TRANSITIONS + 2 * 512
    mov     ch, 1
    rep movsw
    xchg    edx, esi
    xor     edx, edx

; Phases behind ModRM, in edx, with ebx bytes of immediate to come.
.modrm:
    mov     eax, ebx
    mov     ecx, edx
    and     ecx, 0xc7
    test    dl, 0xc0
    js      .upper
    jz      .displacement
    inc     eax                 ; mod 1
    jmp     .sib
.upper:
    jpe     .left               ; mod 3
    add     eax, 4              ; mod 2
    jmp     .sib
.displacement:
    cmp     cl, 5
    jne     .sib
    add     eax, 4
.sib:
    and     ecx, 7
    cmp     cl, 4
    jne     .left
    inc     eax
.left:
    test    eax, eax
    jz      .phase
    add     eax, OPERAND
.phase:
    shl     eax, 8
    mov     ecx, edx
    and     cl, 0xc7
    cmp     cl, 5
    jne     .store_phase
    mov     al, DISTANCE_SIZE
.store_phase:
    stosw
    inc     dl
    jnz     .modrm
    lea     ebx, [rbx * 3 + 1]  ; 0, 1, 4
    cmp     bl, 4
    jbe     .modrm

; Phases behind bytes of operands.
    xor     eax, eax
    xor     ebx, ebx
    mov     ecx, 256
    rep stosw
    mov     ah, OPERAND + 1
.operand:
    mov     ch, 1
    rep stosw
    inc     ah
    cmp     ah, OPERAND + MOST_LEFT
    jb      .operand

    lodsd
    xchg    rax, r12
    lodsd
    shl     r12, 32
    or      r12, rax
    mov     [INPUT], esi
    or      rbp, -1
    mov     edi, image
    mov     r15d, LIST

.token:
    ROW     r8d, ebx, STATE
    mov     r14d, [KINDS]
    movzx   eax, bh
    add     eax, r14d
    ROW     r9d, eax, KIND_HISTORY
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
    mov     eax, 3
    cmp     r13d, eax
    cmovb   eax, r13d
    shl     eax, 4
    lea     r14d, [rax + r14 * 4]
    and     r14d, 0xf0
    mov     [KINDS], r14d
    test    r13d, r13d
    jnz     .match

    mov     rcx, rdi
    sub     rcx, [rsp]
    movzx   eax, byte [rcx]
    ROW     r9d, eax, LITERAL_MATCH
    test    r14d, r14d
    cmovz   r9d, r8d
    movzx   eax, byte [rsp + 32]
    ROW     r8d, eax, LITERAL_BYTE
    mov     edx, 1
.bits:
    call    decide
    test    dh, dh
    jz      .bits
    movzx   eax, dl
    mov     [rsp + 32], al
    APPEND
    cmp     edi, image_end
    jb      .token
    jmp     .filter

.match:
    ROW     r8d, eax, LENGTH_KIND
    ROW     r9d, r14d, LENGTH_HISTORY
    mov     r14d, 1
.unary:
    xor     edx, edx
    call    decide
    add     r8d, ROW_SIZE
    add     r9d, ROW_SIZE
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

    mov     r13d, edx
    ROW     r8d, edx, EXPONENT_LENGTH
    mov     eax, 4
    cmp     edx, eax
    cmovb   eax, edx
    ROW     r9d, eax, EXPONENT_SHORT
    mov     edx, 1
    mov     r14d, edx
.exponent:
    call    decide
    test    dl, 32
    jz      .exponent
    ROW     r8d, edx, EXPONENT - 32
    ROW     r9d, edx, BITS_LEFT - 32
    mov     edx, r14d
.distance:
    cmp     r9d, scratch + BITS_LEFT * ROW_SIZE
    je      .far
    sub     r9d, ROW_SIZE
    call    decide
    bt      edx, 0
    adc     r14d, r14d
    btr     edx, 4
    jnc     .distance
    and     edx, 7
    or      edx, 8
    jmp     .distance
.far:
    lea     edx, [r13 + 1]
    mov     eax, r14d
    mov     r13d, 3
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
    mov     rsi, rdi
    sub     rsi, rax
.copy:
    movzx   eax, byte [rsi]
    inc     rsi
    APPEND
    dec     r13d
    jnz     .copy
    mov     al, [rsi - 1]
    mov     [rsp + 32], al
    cmp     edi, image_end
    jb      .token

; Turns targets into distances again, those in the list. Behind its end stands the end of the image.
.filter:
    mov     r15d, LIST
.next:
    mov     esi, [r15]
    add     r15d, 4
    cmp     esi, image_end - DISTANCE_SIZE
    ja      .done
    mov     edx, [rsi]
    bswap   edx
    call    extend
    je      .short
    bswap   edx
    call    extend
    jne     .next
    bswap   edx
    mov     [rsi], edx
    jmp     .next
.short:
    sub     edx, esi
    add     edx, image - DISTANCE_SIZE
    call    extend
    mov     [rsi], ecx
    jmp     .next
.done:

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

; Decides by the slots edx of both rows: edx becomes twice edx and the bit. Changes rax, rcx, rsi, r10, r11.
decide:
    lea     r10, [r8 + rdx * 4]
    lea     r11, [r9 + rdx * 4]
    mov     ecx, [r10]
    mov     eax, [r11]
    add     eax, ecx
    sar     eax, 15
    add     eax, 0x10008
    mov     rsi, rbp
    shr     rsi, 17
    imul    rax, rsi
    sub     rbp, rax
    mov     rsi, r12
    sub     rsi, rax
    cmovc   rbp, rax
    cmovnc  r12, rsi
    sbb     eax, eax        ; leaves carry
    adc     edx, edx
    xor     eax, 0xc0047fff ; what the slots move towards
    mov     esi, eax
    MOVE    r10, eax
    mov     ecx, [r11]
    MOVE    r11, esi
    mov     rax, rbp
    shr     rax, 32
    jnz     .enough
    shl     rbp, 32
    shl     r12, 32
    mov     ecx, [INPUT]
    add     dword [INPUT], 4
    mov     eax, [rcx]
    or      r12, rax
.enough:
    ret

; As in instructionState.ts: what follows classes of opcodes.
followers:
    dw      0, (OPERAND + 1) << 8, (OPERAND + 4) << 8, (OPERAND + 4) << 8 | DISTANCE_SIZE
    dw      3 << 8, 4 << 8, 5 << 8, 2 << 8, 1 << 8
