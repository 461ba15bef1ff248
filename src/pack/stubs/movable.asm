; For programs that lie anywhere, in one segment.
%include "movable.inc"
