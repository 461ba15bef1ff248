; The decoder whose contexts know of instructions, and which mixes what they say.
%define INSTRUCTIONS
%define MIX
%include "cm.inc"
