; The smallest decoder: contexts are bytes.
%include "cm.inc"
