; Exits with 42. The kernel starts a program with zeros in all registers but rsp.
        bits 64
        global _start
        section .text
_start: mov     al, 60
        mov     dil, 42
        syscall
