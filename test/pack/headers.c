/* What a program finds of its own headers: segments that hold it, thread-local data, unwind tables. */
#define _GNU_SOURCE
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <sys/auxv.h>

static int data = 41;
static int zeroed[5000];
static __thread int local = 7;

struct seen {
  int code, data, zeroed, headers;
};

static int contains(const struct dl_phdr_info *info, const ElfW(Phdr) *ph, const void *what) {
  ElfW(Addr) start = info->dlpi_addr + ph->p_vaddr;
  ElfW(Addr) at = (ElfW(Addr))what;
  return at >= start && at < start + ph->p_memsz;
}

static int visit(struct dl_phdr_info *info, size_t size, void *result) {
  struct seen *seen = result;
  (void)size;
  /* The vDSO comes behind the program. */
  if ((ElfW(Addr))info->dlpi_phdr != getauxval(AT_PHDR)) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
    if (ph->p_type == PT_LOAD) {
      seen->code |= contains(info, ph, (void *)visit);
      seen->data |= contains(info, ph, &data);
      seen->zeroed |= contains(info, ph, &zeroed[4999]);
      seen->headers |= contains(info, ph, info->dlpi_phdr);
    }
    if (ph->p_type == PT_TLS) printf("TLS begins with %d\n", *(int *)(info->dlpi_addr + ph->p_vaddr));
    if (ph->p_type == PT_GNU_EH_FRAME) printf("index of version %d\n", *(char *)(info->dlpi_addr + ph->p_vaddr));
  }
  return 0;
}

int main(void) {
  struct seen seen = {0};
  int sum = 0;
  dl_iterate_phdr(visit, &seen);
  for (int i = 0; i < 5000; i++) sum += zeroed[i];
  printf("%d %d %d %d, %d %d %d\n", seen.code, seen.data, seen.zeroed, seen.headers, sum, data + 1, local++);
  return local;
}
