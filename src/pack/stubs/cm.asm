; The smallest decoder.
%include "cm.inc"
