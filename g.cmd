set pagination off
break main
run
record btrace
continue
info record
record instruction-history -
