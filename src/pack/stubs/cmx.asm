; The decoder whose contexts know of instructions.
%include "cmx.inc"
