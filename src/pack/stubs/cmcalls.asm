; The smallest decoder that knows of calls.
%define CALLS
%include "cm.inc"
