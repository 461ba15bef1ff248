; The decoder whose contexts know of instructions, and which mixes what they say.
%define MIX
%include "cmx.inc"
