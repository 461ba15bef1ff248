; The memory functions that compilers call, as small as the System V calling convention permits.
; Arguments in rdi, rsi, rdx; result in rax; the direction flag is clear on entry and must be on return.
; The bytes stand in mem.ts; a test assembles this file and compares.
bits 64

global memcpy, memmove, memset, memcmp, bcmp, strlen

section .text.memcpy exec align=1
memcpy:                     ; void *memcpy(void *to, const void *from, size_t count)
    push    rdi
    pop     rax
    push    rdx
    pop     rcx
    rep movsb
    ret

section .text.memmove exec align=1
memmove:                    ; like memcpy, but the areas may overlap
    push    rdi
    pop     rax
    push    rdx
    pop     rcx
    cmp     rsi, rdi
    jae     .copy           ; from above to below: forwards is safe
    std
    lea     rdi, [rdi + rdx - 1]
    lea     rsi, [rsi + rdx - 1]
.copy:
    rep movsb
    cld
    ret

section .text.memset exec align=1
memset:                     ; void *memset(void *to, int byte, size_t count)
    push    rdi
    xchg    eax, esi
    push    rdx
    pop     rcx
    rep stosb
    pop     rax
    ret

section .text.memcmp exec align=1
memcmp:                     ; int memcmp(const void *left, const void *right, size_t count)
    push    rdx
    pop     rcx
    xor     eax, eax        ; also sets ZF, the result for count 0
    repe cmpsb              ; compares [rsi] with [rdi]: right with left
    seta    al              ; 1 if right is above
    sbb     eax, 0          ; -1 if right is below
    neg     eax
    ret

section .text.bcmp exec align=1
bcmp:                       ; zero or not zero is all that counts
    push    rdx
    pop     rcx
    xor     eax, eax
    repe cmpsb
    setne   al
    ret

section .text.strlen exec align=1
strlen:                     ; size_t strlen(const char *text)
    push    byte -1
    pop     rax
.next:
    inc     rax
    cmp     byte [rdi + rax], 0
    jne     .next
    ret
