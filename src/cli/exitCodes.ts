/** Exit codes of all front ends. */
export const EXIT_OK = 0;
export const EXIT_LINK_ERROR = 1;
export const EXIT_USAGE = 2;
/** A defect of the linker itself: EX_SOFTWARE of sysexits.h. */
export const EXIT_INTERNAL = 70;
/** The output has been written, and is larger than a budget permits. */
export const EXIT_OVER_BUDGET = 3;
