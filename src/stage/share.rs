//! Work on batches, shared by two threads where there is enough of it.
//!
//! In: three steps, of which the first fills a batch, the second works on it, and the third takes
//! out what became of it. To fill and to take out is for the calling thread, in the order of the
//! batches; the work in between is for a helper beside it, after the first few batches: what makes
//! no more than these does not pay for a thread. What is in a batch is never known here.
//!
//! While the helper has enough to do, the calling thread works on batches as well. So neither waits
//! for the other, whichever of the steps takes the longest, and where there is no second core to be
//! had, the first does it all.
//!
//! However it ends, no thread is left behind: a failure ends both sides, and a panic of the helper
//! goes on in the caller.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

/// How many batches go through before there is a helper.
const ALONE: usize = 8;

/// How many batches the helper has at most: enough for it not to wait for the next one while the
/// calling thread works on one.
const LENT: usize = 4;

/// How many batches there are at most.
const BATCHES: usize = 8;

/// What came of filling a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filled {
    /// There may be more for the next one.
    Full,
    /// It is the last one, and may be empty.
    Last,
}

/// Takes batches through the three steps until one is the last, or a step fails. A batch comes to
/// `fill` as `take` left it. What `fill` left in a batch when it failed is worked on and taken out
/// first: a failure comes after all that stands before it.
pub(super) fn share<B: Default + Send, E>(
    mut fill: impl FnMut(&mut B) -> Result<Filled, E>,
    work: impl Fn(&mut B) + Sync,
    mut take: impl FnMut(&mut B) -> Result<(), E>,
) -> Result<(), E> {
    let mut batch = B::default();
    for _ in 0..ALONE {
        if one_by_one(&mut batch, &mut fill, &work, &mut take)? == Filled::Last {
            return Ok(());
        }
    }
    with_helper(fill, &work, take)
}

fn one_by_one<B, E>(
    batch: &mut B,
    fill: &mut impl FnMut(&mut B) -> Result<Filled, E>,
    work: impl Fn(&mut B),
    take: &mut impl FnMut(&mut B) -> Result<(), E>,
) -> Result<Filled, E> {
    let filled = fill(batch);
    work(batch);
    take(batch)?;
    filled
}

fn with_helper<B: Default + Send, E>(
    mut fill: impl FnMut(&mut B) -> Result<Filled, E>,
    work: &(impl Fn(&mut B) + Sync),
    mut take: impl FnMut(&mut B) -> Result<(), E>,
) -> Result<(), E> {
    thread::scope(|scope| {
        let (to_helper, lent) = channel();
        let (give_back, from_helper) = channel();
        let help = move || help(&lent, work, &give_back);
        // Where the system has no thread to spare, it goes on as it began.
        let Ok(helper) = thread::Builder::new().spawn_scoped(scope, help) else {
            let mut batch = B::default();
            while one_by_one(&mut batch, &mut fill, work, &mut take)? == Filled::Full {}
            return Ok(());
        };
        // Drops its ends of the channels, whether it returns or panics, and so the helper ends too.
        let end = Caller::new(to_helper, from_helper).run(fill, work, take);
        match (end, helper.join()) {
            (_, Err(panic)) => resume_unwind(panic),
            (Err(Stop::HelperGone), Ok(())) => resume_unwind(Box::new("the helper went away")),
            (Err(Stop::Failed(error)), Ok(())) => Err(error),
            (Ok(()), Ok(())) => Ok(()),
        }
    })
}

fn help<B>(lent: &Receiver<B>, work: impl Fn(&mut B), give_back: &Sender<B>) {
    for mut batch in lent {
        work(&mut batch);
        if give_back.send(batch).is_err() {
            // The caller has failed.
            return;
        }
    }
}

/// The calling thread's side.
struct Caller<B> {
    /// What is filled and not yet taken out, in order.
    pending: VecDeque<Pending<B>>,
    /// Batches to be filled anew.
    spare: Vec<B>,
    to_helper: Sender<B>,
    from_helper: Receiver<B>,
}

enum Pending<B> {
    /// It is worked on, here.
    Done(B),
    /// The helper has it, and gives back in order.
    Lent,
}

/// Why the caller ends before the last batch.
enum Stop<E> {
    /// A step failed.
    Failed(E),
    /// The helper is gone while it is needed: it has panicked.
    HelperGone,
}

impl<B: Default> Caller<B> {
    fn new(to_helper: Sender<B>, from_helper: Receiver<B>) -> Self {
        Self {
            pending: VecDeque::new(),
            spare: Vec::new(),
            to_helper,
            from_helper,
        }
    }

    fn run<E>(
        mut self,
        mut fill: impl FnMut(&mut B) -> Result<Filled, E>,
        work: impl Fn(&mut B),
        mut take: impl FnMut(&mut B) -> Result<(), E>,
    ) -> Result<(), Stop<E>> {
        loop {
            let mut batch = self.spare.pop().unwrap_or_default();
            let filled = fill(&mut batch);
            self.lend_or_work(batch, &work)?;
            if !matches!(filled, Ok(Filled::Full)) {
                self.take_out(0, &mut take)?;
                return filled.map(drop).map_err(Stop::Failed);
            }
            self.take_out(BATCHES - 1, &mut take)?;
        }
    }

    fn lend_or_work<E>(&mut self, mut batch: B, work: impl Fn(&mut B)) -> Result<(), Stop<E>> {
        let is_lent = |pending: &&Pending<B>| matches!(pending, Pending::Lent);
        let pending = if self.pending.iter().filter(is_lent).count() < LENT {
            (self.to_helper.send(batch)).map_err(|_| Stop::HelperGone)?;
            Pending::Lent
        } else {
            work(&mut batch);
            Pending::Done(batch)
        };
        self.pending.push_back(pending);
        Ok(())
    }

    /// Takes out what is done, as far as nothing before it is not, and waits for the helper while
    /// more than `most` batches are pending.
    fn take_out<E>(
        &mut self,
        most: usize,
        take: &mut impl FnMut(&mut B) -> Result<(), E>,
    ) -> Result<(), Stop<E>> {
        while let Some(oldest) = self.pending.pop_front() {
            let mut done = match oldest {
                Pending::Done(batch) => batch,
                Pending::Lent if self.pending.len() >= most => {
                    self.from_helper.recv().map_err(|_| Stop::HelperGone)?
                }
                Pending::Lent => match self.from_helper.try_recv() {
                    Ok(batch) => batch,
                    Err(TryRecvError::Empty) => {
                        self.pending.push_front(Pending::Lent);
                        break;
                    }
                    Err(TryRecvError::Disconnected) => return Err(Stop::HelperGone),
                },
            };
            take(&mut done).map_err(Stop::Failed)?;
            self.spare.push(done);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread::ThreadId;

    use super::*;

    /// A number, and what was done to it by whom.
    #[derive(Default)]
    struct Batch {
        number: usize,
        worker: Option<ThreadId>,
    }

    /// Fills batches with the numbers from 1 on; the last is `last`.
    fn up_to(last: usize) -> impl FnMut(&mut Batch) -> Result<Filled, String> {
        let mut number = 0;
        move |batch| {
            number += 1;
            batch.number = number;
            Ok(if number == last {
                Filled::Last
            } else {
                Filled::Full
            })
        }
    }

    fn note_worker(batch: &mut Batch) {
        batch.worker = Some(thread::current().id());
    }

    #[test]
    fn each_batch_is_filled_worked_on_and_taken_once_and_in_order() {
        for last in 1..20 {
            let mut taken = Vec::new();
            let work = |batch: &mut Batch| batch.number *= 10;
            share(up_to(last), work, |batch| {
                taken.push(batch.number);
                Ok(())
            })
            .unwrap();
            let all: Vec<usize> = (1..=last).map(|number| number * 10).collect();
            assert_eq!(taken, all);
        }
    }

    #[test]
    fn the_first_batches_need_no_second_thread_and_the_next_has_one() {
        let here = thread::current().id();
        let mut workers = Vec::new();
        share(up_to(ALONE + 1), note_worker, |batch| {
            workers.extend(batch.worker);
            Ok(())
        })
        .unwrap();
        let (alone, with_helper) = workers.split_at(ALONE);
        assert!(alone.iter().all(|worker| *worker == here));
        assert!(matches!(with_helper, [helper] if *helper != here));
    }

    #[test]
    fn a_failure_to_fill_comes_after_all_that_stands_before_it() {
        for last in 1..20 {
            let mut fill = up_to(usize::MAX);
            let failing = |batch: &mut Batch| {
                fill(batch)?;
                if batch.number == last {
                    return Err("unreadable".to_owned());
                }
                Ok(Filled::Full)
            };
            let mut taken = 0;
            let end = share(failing, note_worker, |batch| {
                assert!(batch.worker.is_some());
                taken = batch.number;
                Ok(())
            });
            assert_eq!(end, Err("unreadable".to_owned()));
            assert_eq!(taken, last);
        }
    }

    #[test]
    fn a_failure_to_take_ends_it_also_before_a_failure_to_fill() {
        for failing in 1..20 {
            let mut fill = up_to(usize::MAX);
            let fill = |batch: &mut Batch| match fill(batch) {
                Ok(_) if batch.number == 20 => Err("unreadable".to_owned()),
                filled => filled,
            };
            let end = share(fill, note_worker, |batch| match batch.number {
                number if number == failing => Err(format!("full at {number}")),
                _ => Ok(()),
            });
            assert_eq!(end, Err(format!("full at {failing}")));
        }
    }

    #[test]
    fn a_panic_of_any_step_ends_both_threads_and_goes_on_in_the_caller() {
        for panicking in 1..20 {
            for step in ["fill", "work", "take"] {
                let number = Cell::new(0);
                let mut fill = up_to(20);
                let run = || {
                    share(
                        |batch| {
                            number.set(number.get() + 1);
                            assert!(step != "fill" || number.get() != panicking, "in fill");
                            fill(batch)
                        },
                        |batch: &mut Batch| {
                            assert!(step != "work" || batch.number != panicking, "in work");
                        },
                        |batch| {
                            assert!(step != "take" || batch.number != panicking, "in take");
                            Ok(())
                        },
                    )
                };
                let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
                let message = panic.downcast_ref::<&str>().unwrap();
                assert_eq!(*message, format!("in {step}"));
            }
        }
    }

    #[test]
    fn batches_are_used_again() {
        let mut made = 0;
        let mut fill = up_to(100);
        let fill = |batch: &mut Batch| {
            made += usize::from(batch.number == 0);
            fill(batch)
        };
        share(fill, note_worker, |_| Ok(())).unwrap();
        // And one that is filled, and worked on, before there is a helper.
        assert!(made <= BATCHES + 1, "{made}");
    }
}
