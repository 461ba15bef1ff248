#!/bin/bash
# boot.sh KERNEL INITRD REPORT [MEGABYTES]
#
# Boots KERNEL, a bzImage, under qemu-system-x86_64 (TCG: neither KVM nor root is needed) with INITRD, whose init
# writes to the second serial port; that goes to REPORT. One CPU that counts instructions instead of time and a
# fixed seed make each run the same. 5-level page tables are off: they change where user addresses end.
set -euo pipefail
kernel=$1 initrd=$2 report=$3 megabytes=${4:-1024}
console=$report.console
timeout 400 qemu-system-x86_64 -machine pc -accel tcg,thread=single -icount shift=0,sleep=off -seed 1 \
  -rtc base=2024-01-01,clock=vm -cpu max,la57=off -smp 1 -m "$megabytes" -nodefaults -no-user-config -display none \
  -no-reboot -kernel "$kernel" -initrd "$initrd" -serial "file:$console" -serial "file:$report" \
  -append 'console=ttyS0 panic=-1 reboot=t quiet loglevel=4 tsc=reliable mitigations=off random.trust_cpu=on' || true
if ! grep -q '^#end' "$report"; then
  echo "boot.sh: the machine did not report every file; the end of its console:" >&2
  tail -n 25 "$console" >&2
  exit 1
fi
