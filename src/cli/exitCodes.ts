/** Exit codes of all front ends. */
export const EXIT_OK = 0;
export const EXIT_LINK_ERROR = 1;
export const EXIT_USAGE = 2;
