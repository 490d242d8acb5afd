//! Which calls of a program are about `/proc`: those with which it asks who has a file open. How many
//! there are depends on what else the machine does, and none of them can do harm: they are let be.

use std::collections::HashSet;
use std::ffi::c_void;

use nix::libc::user_regs_struct;
use nix::sys::ptrace;
use nix::unistd::Pid;

/// The descriptors of a program that belong to `/proc`.
#[derive(Default, Debug)]
pub(crate) struct Processes {
    descriptors: HashSet<u64>,
    /// Threads that are just opening one more.
    opening: HashSet<Pid>,
}

impl Processes {
    /// Whether the call that begins is about them.
    pub(crate) fn begin(&mut self, thread: Pid, call: &str, registers: &user_regs_struct) -> bool {
        let first = registers.rdi;
        let is_ours = match call {
            "open" | "stat" | "lstat" | "readlink" | "access" => lies_in_proc(thread, first),
            "openat" | "readlinkat" | "newfstatat" | "statx" | "faccessat2" => {
                self.descriptors.contains(&first) || lies_in_proc(thread, registers.rsi)
            }
            _ => self.descriptors.contains(&first),
        };
        if is_ours && call.starts_with("open") {
            self.opening.insert(thread);
        }
        if call == "close" {
            self.descriptors.remove(&first);
        }
        is_ours
    }

    /// Takes note of what a call returned.
    pub(crate) fn end(&mut self, thread: Pid, registers: &user_regs_struct) {
        if self.opening.remove(&thread) && registers.rax.cast_signed() >= 0 {
            self.descriptors.insert(registers.rax);
        }
    }
}

/// Whether the path at this address of the program begins like one of `/proc`.
fn lies_in_proc(thread: Pid, address: u64) -> bool {
    let Ok(address) = usize::try_from(address) else {
        return false;
    };
    let word = ptrace::read(thread, std::ptr::without_provenance_mut::<c_void>(address));
    word.is_ok_and(|word| word.to_ne_bytes().starts_with(b"/proc"))
}
