; For programs that lie anywhere, with no memory writable and executable.
%define GUARDED
%include "movable.inc"
