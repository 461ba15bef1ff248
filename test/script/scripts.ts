/** Scripts that several tests read. */

/** What glibc installs as libm.a. */
export const LIBM = `/* GNU ld script
*/
OUTPUT_FORMAT(elf64-x86-64)
GROUP ( /usr/lib/libm-2.36.a /usr/lib/libmvec.a )
`;

/** What glibc installs as libc.so. */
export const LIBC = `/* GNU ld script
   The rest comes from a static library. */
OUTPUT_FORMAT(elf64-x86-64)
GROUP ( /lib/libc.so.6 /usr/lib/libc_nonshared.a  AS_NEEDED ( /lib64/ld-linux-x86-64.so.2 ) )
`;

/** What people write for tiny programs. */
export const TINY = `OUTPUT_FORMAT(binary)
SECTIONS {
  . = 0x400000;
  .x : AT(0) SUBALIGN(1) {
    BYTE(0x7f) SHORT(. - 0x400000); LONG(-1) QUAD(_start)
    header_end = .;
    KEEP(*(.text.start))
    *(.text .text.*)
    *(EXCLUDE_FILE(crt*.o lib.a:) .rodata SORT_BY_NAME(SORT_BY_ALIGNMENT(.data*)))
  } = 0x90
  /DISCARD/ : { *(.comment) *(.note*) }
}
`;

/** Most of what GNU ld's own script for x86-64 uses, in a few lines. */
export const FULL = `# flavours of everything
OUTPUT_FORMAT("elf64-x86-64", "elf64-x86-64",
              "elf64-x86-64")
OUTPUT_ARCH(i386:x86-64)
ENTRY(_start)
SEARCH_DIR("=/usr/local/lib"); SEARCH_DIR(/usr/lib)
EXTERN(first, second third)
FORCE_COMMON_ALLOCATION
INPUT(crt1.o, "with blank.o" -lfoo -l:exact.a)
STARTUP(crt0.o) TARGET(elf64-x86-64) OUTPUT(a.elf)
stack = 64K; stack += 4; stack <<= 1;
HIDDEN(secret = stack - 1);
SECTIONS
{
  PROVIDE (__executable_start = SEGMENT_START("text-segment", 0x400000));
  . = SEGMENT_START("text-segment", 0x400000) + SIZEOF_HEADERS;
  ENTRY(_start)
  .init : { KEEP (*(SORT_NONE(.init))) }
  .text ALIGN(CONSTANT (MAXPAGESIZE)) + (. & (CONSTANT (MAXPAGESIZE) - 1)) :
  {
    *(.text.unlikely .text.*_unlikely)
    *(SORT(.text.sorted.*))
    *libgcc.a:*(.text) "odd name.o"(.text)
    last.o
    CREATE_OBJECT_SYMBOLS CONSTRUCTORS
  } =0x90909090
  PROVIDE (etext = .);
  .rodata (READONLY) : ONLY_IF_RO { *(.rodata[a-z]* .rodata.?) /* comment */ }
  .tdata : { PROVIDE_HIDDEN (__tdata_start = .); *(.tdata) }
  .init_array :
  {
    KEEP (*(SORT_BY_INIT_PRIORITY(.init_array.*) SORT_BY_INIT_PRIORITY(.ctors.*)))
    KEEP (*(.init_array EXCLUDE_FILE (*crtbegin.o *crtbegin?.o) .ctors))
  }
  . = DATA_SEGMENT_ALIGN (CONSTANT (MAXPAGESIZE), CONSTANT (COMMONPAGESIZE));
  . = DATA_SEGMENT_RELRO_END (SIZEOF (.got.plt) >= 24 ? 24 : 0, .);
  .data : { *(.data) SORT(CONSTRUCTORS) FILL(0x12 + 1); LONG(1 << 4) SQUAD(-2) }
  _edata = .; PROVIDE (edata = .);
  .bss (NOLOAD) : ALIGN(16) { *(.bss) *(COMMON) . = ALIGN(. != 0 ? 64 / 8 : 1); }
  ASSERT(SIZEOF(.data) < 0x1000, "data too large")
  . = DATA_SEGMENT_END (.);
  .comment 0 (INFO) : { *(.comment) }
  /DISCARD/ : { *(.note.GNU-stack) }
}
ASSERT(DEFINED(_start) && MAX(1, 2) == 2, "no start")
`;

/** Regions, segments and included files. */
export const BOARD = `MEMORY
{
  rom (rx!w) : ORIGIN = 0x400000, LENGTH = 256K
  ram (!rx) : org = ORIGIN(rom) + LENGTH(rom) l = 64K
  INCLUDE more.ld
}
REGION_ALIAS("flash", rom);
PHDRS
{
  headers PT_PHDR PHDRS;
  text PT_LOAD FILEHDR PHDRS FLAGS(5);
  data 1 FLAGS(4 | 2);
}
SECTIONS
{
  .text : { *(.text) } >flash :headers :text =0x90
  .data : { *(.data) } > ram AT> rom :data
  .none 0 : { INCLUDE "content.ld" } :NONE
}
stack = ORIGIN(ram) + LENGTH(ram);
`;
