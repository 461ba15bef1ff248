//! Greets by system calls alone: no std, no C library.
#![no_std]
#![no_main]

use core::arch::asm;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    write(1, b"Hello, Rust!\n");
    exit(0)
}

fn write(descriptor: usize, text: &[u8]) {
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") 1usize => _,
            in("rdi") descriptor,
            in("rsi") text.as_ptr(),
            in("rdx") text.len(),
            out("rcx") _,
            out("r11") _,
            options(nostack, readonly),
        );
    }
}

fn exit(code: usize) -> ! {
    unsafe { asm!("syscall", in("rax") 60usize, in("rdi") code, options(nostack, noreturn)) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(101)
}
