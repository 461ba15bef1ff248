/** Errors of the operating system in words, and waiting. */

/** An error that a system call gave. */
export interface SystemError extends Error {
  readonly code: string;
  /** Name of the call. */
  readonly syscall?: string;
}

export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'the system does not permit it',
  EISDIR: 'it is a directory',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of the path is not a directory',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  ETXTBSY: 'the file is being executed',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'too many symbolic links',
  EFBIG: 'the file would be too large',
  EPIPE: 'nobody reads it any more',
  ENXIO: 'it is a socket, or a device that is not there',
  ERR_INVALID_ARG_VALUE: 'a path cannot hold a NUL',
  EIO: 'input/output error',
  ERR_FS_FILE_TOO_LARGE: 'the file is larger than 2 GiB',
};

/** What went wrong, in words where we have them. */
export function explainSystemError(error: SystemError): string {
  return WORDS[error.code] ?? error.message;
}

/** Waits a few milliseconds without burning the processor. */
export function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
}
