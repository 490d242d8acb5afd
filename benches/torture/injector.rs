//! Runs a program under ptrace, and does something to it at one of its system calls.
//!
//! The calls of all threads are counted together, in the order in which they begin, so that each
//! number is one point of the run, and each point is tried by its number. (`strace --inject` counts
//! for each thread alone, and cannot stop a program between a call and what follows on it.)

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::libc::{PTRACE_SYSCALL_INFO_ENTRY, PTRACE_SYSCALL_INFO_EXIT, user_regs_struct};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::calls;
use crate::dice::Dice;
use crate::processes::Processes;

/// What is done at a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The program is killed, and the call is never made.
    KillBefore,
    /// The program is killed once the call is done.
    KillAfter,
    /// The call is not made, and returns this error.
    Error(Errno),
}

/// Where it is done.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// Nowhere: the calls are counted.
    Count,
    /// At the call of this number, which counts from 1.
    At(u64, Fault),
    /// At the call of this number among those of this name.
    AtCall(String, u64, Fault),
    /// Errors at random: one in so many calls.
    AtRandom(u64, usize),
}

/// How the run went.
#[derive(Debug)]
pub(crate) struct Traced {
    /// How many calls there were.
    pub(crate) calls: u64,
    /// The calls that something was done at, in their order; all of them, where they were counted.
    pub(crate) hits: Vec<&'static str>,
    /// The exit code; a signal is 128 and its number.
    pub(crate) status: i32,
    /// Whether it had to be killed since it did not end.
    pub(crate) hung: bool,
    /// What it said on stderr.
    pub(crate) said: String,
}

/// How long it may go on with what it is at. A statement that the client's side could not send is
/// waited for until the server ends the session.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a program may take to end once it was told to, twice.
const GRACE: Duration = Duration::from_secs(20);

/// Whether this machine lets one process trace another.
pub(crate) fn is_allowed() -> Result<()> {
    let mut command = Command::new("true");
    let traced = run(&mut command, Plan::Count, || false, Duration::from_secs(10))?;
    if traced.calls == 0 || traced.status != 0 {
        bail!("a traced program ended with {}", traced.status);
    }
    Ok(())
}

/// Runs a program to its end. It is told to end when `goal` says so, and killed when it has not
/// ended for `limit`.
pub(crate) fn run(
    command: &mut Command,
    plan: Plan,
    goal: impl Fn() -> bool + Send + 'static,
    limit: Duration,
) -> Result<Traced> {
    let said = command
        .get_current_dir()
        .map(|folder| folder.join("said.txt"));
    let stderr = match &said {
        Some(path) => File::create(path)?.into(),
        None => Stdio::null(),
    };
    let child = spawn_stopped(command, stderr)?;
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    let mut tracer = Tracer::seize(pid, plan)?;
    let guard = Guard::begin(pid, goal, limit);
    let status = tracer.follow();
    let hung = guard.end();
    Ok(Traced {
        calls: tracer.calls,
        hits: tracer.hits,
        status: status?,
        hung,
        said: match said {
            Some(path) => String::from_utf8_lossy(&fs::read(path)?).into_owned(),
            None => String::new(),
        },
    })
}

/// A shell stops itself, and becomes the program once it is traced.
fn spawn_stopped(command: &Command, stderr: Stdio) -> Result<Child> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "kill -STOP $$; exec \"$@\"", "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .context("The program could not be started.")
}

struct Tracer {
    pid: Pid,
    plan: Plan,
    dice: Dice,
    /// Whether the shell has become the program.
    armed: bool,
    calls: u64,
    hits: Vec<&'static str>,
    processes: Processes,
    /// What is to be done when the call ends that a thread is in.
    at_exit: HashMap<Pid, Fault>,
}

impl Tracer {
    fn seize(pid: Pid, plan: Plan) -> Result<Self> {
        waitpid(pid, Some(WaitPidFlag::WUNTRACED))?;
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        ptrace::seize(pid, options).context("ptrace is not allowed here")?;
        kill(pid, Signal::SIGCONT)?;
        let seed = match plan {
            Plan::AtRandom(seed, _) => seed,
            Plan::Count | Plan::At(..) | Plan::AtCall(..) => 0,
        };
        Ok(Self {
            pid,
            plan,
            dice: Dice(seed),
            armed: false,
            calls: 0,
            hits: Vec::new(),
            processes: Processes::default(),
            at_exit: HashMap::new(),
        })
    }

    /// Follows all threads until the program has ended.
    fn follow(&mut self) -> Result<i32> {
        let mut status = None;
        loop {
            let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
            match waitpid(Pid::from_raw(-1), Some(flags)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.pid => status = Some(code),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == self.pid => {
                    status = Some(128 + signal as i32);
                }
                Ok(WaitStatus::PtraceSyscall(thread)) => {
                    self.at_call(thread);
                    go_on(thread, None);
                }
                Ok(WaitStatus::PtraceEvent(thread, _, event)) => {
                    self.armed |= event == nix::libc::PTRACE_EVENT_EXEC;
                    go_on(thread, None);
                }
                Ok(WaitStatus::Stopped(thread, signal)) => go_on(thread, Some(signal)),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => break,
                Err(error) => return Err(error.into()),
            }
        }
        status.context("The traced program was lost.")
    }

    /// A thread that is killed meanwhile can no longer be asked, and need not be.
    fn at_call(&mut self, thread: Pid) {
        let Ok(info) = ptrace::syscall_info(thread) else {
            return;
        };
        let Ok(registers) = ptrace::getregs(thread) else {
            return;
        };
        match info.op {
            PTRACE_SYSCALL_INFO_ENTRY if self.armed => self.at_entry(thread, registers),
            PTRACE_SYSCALL_INFO_EXIT => self.at_exit(thread, registers),
            _ => {}
        }
    }

    fn at_entry(&mut self, thread: Pid, mut registers: user_regs_struct) {
        let Some((name, _)) = calls::named(registers.orig_rax) else {
            return;
        };
        if self.processes.begin(thread, name, &registers) {
            return;
        }
        if matches!(&self.plan, Plan::AtCall(wanted, ..) if wanted != name) {
            return;
        }
        self.calls += 1;
        let fault = match self.plan {
            Plan::At(number, fault) | Plan::AtCall(_, number, fault) if number == self.calls => {
                fault
            }
            Plan::AtRandom(_, many) if self.dice.one_in(many) => {
                Fault::Error(calls::ERRORS[self.dice.below(calls::ERRORS.len())])
            }
            Plan::Count => return self.hits.push(name),
            Plan::At(..) | Plan::AtCall(..) | Plan::AtRandom(..) => return,
        };
        self.hits.push(name);
        match fault {
            Fault::KillBefore => _ = kill(self.pid, Signal::SIGKILL),
            Fault::KillAfter => _ = self.at_exit.insert(thread, fault),
            Fault::Error(_) => {
                // No call has this number, so the kernel does nothing.
                registers.orig_rax = u64::MAX;
                if ptrace::setregs(thread, registers).is_ok() {
                    self.at_exit.insert(thread, fault);
                }
            }
        }
    }

    fn at_exit(&mut self, thread: Pid, mut registers: user_regs_struct) {
        self.processes.end(thread, &registers);
        match self.at_exit.remove(&thread) {
            Some(Fault::KillAfter) => _ = kill(self.pid, Signal::SIGKILL),
            Some(Fault::Error(error)) => {
                registers.rax = i64::from(-(error as i32)).cast_unsigned();
                let _ = ptrace::setregs(thread, registers);
            }
            Some(Fault::KillBefore) | None => {}
        }
    }
}

fn go_on(thread: Pid, signal: Option<Signal>) {
    // One that was killed meanwhile is not there any more.
    let _ = ptrace::syscall(thread, signal);
}

/// Tells the program to end, and sees to it that it does.
struct Guard {
    over: Arc<AtomicBool>,
    thread: JoinHandle<bool>,
}

impl Guard {
    fn begin(pid: Pid, goal: impl Fn() -> bool + Send + 'static, limit: Duration) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let wait = |condition: &dyn Fn() -> bool, limit: Duration| {
                let deadline = Instant::now() + limit;
                while !ended.load(Ordering::SeqCst) && !condition() && Instant::now() < deadline {
                    thread::sleep(Duration::from_millis(5));
                }
            };
            wait(&goal, limit);
            if ended.load(Ordering::SeqCst) {
                return false;
            }
            // The first one lets it finish what it is at; the second one ends it at once.
            let _ = kill(pid, Signal::SIGTERM);
            wait(&|| false, PATIENCE);
            let _ = kill(pid, Signal::SIGTERM);
            wait(&|| false, GRACE);
            let hung = !ended.load(Ordering::SeqCst);
            if hung {
                let _ = kill(pid, Signal::SIGKILL);
            }
            hung
        });
        Self { over, thread }
    }

    /// Whether the program had to be killed.
    fn end(self) -> bool {
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().unwrap_or(true)
    }
}
