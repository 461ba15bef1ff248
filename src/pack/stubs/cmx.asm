; The decoder whose contexts know of instructions.
%define INSTRUCTIONS
%include "cm.inc"
