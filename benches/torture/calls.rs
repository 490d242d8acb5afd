//! Which system calls are tampered with, and what each may answer instead.

use nix::errno::Errno;

/// What a call is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// Files and folders.
    File,
    /// Connections.
    Socket,
}

/// The calls of x86-64 by number. What a program does without a file or a socket is left alone.
const CALLS: &[(u64, &str, Class)] = &[
    (0, "read", Class::File),
    (1, "write", Class::File),
    (2, "open", Class::File),
    (3, "close", Class::File),
    (4, "stat", Class::File),
    (5, "fstat", Class::File),
    (6, "lstat", Class::File),
    (7, "poll", Class::Socket),
    (8, "lseek", Class::File),
    (16, "ioctl", Class::File),
    (17, "pread64", Class::File),
    (18, "pwrite64", Class::File),
    (19, "readv", Class::File),
    (20, "writev", Class::File),
    (21, "access", Class::File),
    (40, "sendfile", Class::File),
    (41, "socket", Class::Socket),
    (42, "connect", Class::Socket),
    (44, "sendto", Class::Socket),
    (45, "recvfrom", Class::Socket),
    (46, "sendmsg", Class::Socket),
    (47, "recvmsg", Class::Socket),
    (48, "shutdown", Class::Socket),
    (49, "bind", Class::Socket),
    (51, "getsockname", Class::Socket),
    (52, "getpeername", Class::Socket),
    (54, "setsockopt", Class::Socket),
    (55, "getsockopt", Class::Socket),
    (72, "fcntl", Class::File),
    (73, "flock", Class::File),
    (74, "fsync", Class::File),
    (75, "fdatasync", Class::File),
    (77, "ftruncate", Class::File),
    (82, "rename", Class::File),
    (83, "mkdir", Class::File),
    (84, "rmdir", Class::File),
    (86, "link", Class::File),
    (87, "unlink", Class::File),
    (88, "symlink", Class::File),
    (89, "readlink", Class::File),
    (90, "chmod", Class::File),
    (91, "fchmod", Class::File),
    (217, "getdents64", Class::File),
    (254, "inotify_add_watch", Class::File),
    (257, "openat", Class::File),
    (258, "mkdirat", Class::File),
    (262, "newfstatat", Class::File),
    (263, "unlinkat", Class::File),
    (264, "renameat", Class::File),
    (267, "readlinkat", Class::File),
    (268, "fchmodat", Class::File),
    (285, "fallocate", Class::File),
    (288, "accept4", Class::Socket),
    (291, "epoll_create1", Class::File),
    (294, "inotify_init1", Class::File),
    (316, "renameat2", Class::File),
    (326, "copy_file_range", Class::File),
    (332, "statx", Class::File),
    (439, "faccessat2", Class::File),
];

/// The call of this number, if it is one of these.
pub(crate) fn named(number: u64) -> Option<(&'static str, Class)> {
    let place = CALLS.binary_search_by_key(&number, |call| call.0).ok()?;
    let (_, name, class) = CALLS[place];
    Some((name, class))
}

/// Every error that a call is made to return.
pub(crate) const ERRORS: [Errno; 7] = [
    Errno::EIO,
    Errno::ENOSPC,
    Errno::EMFILE,
    Errno::EACCES,
    Errno::EINTR,
    Errno::ECONNRESET,
    Errno::ENOMEM,
];
