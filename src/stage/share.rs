//! Work on batches, shared by two threads where there is enough of it.
//!
//! In: three steps, of which the first fills a batch, the second works on it, and the third takes
//! out what became of it. To fill and to take out is for the calling thread, in the order of the
//! batches. The work in between is for a helper beside it, as soon as there is a second batch; what
//! makes only one batch never waits for a thread. While the helper has enough to do, the calling
//! thread works on batches as well: so neither waits for the other, whichever of the steps takes
//! longest, and if there is no second core to be had, the first does it all. What is in a batch is
//! never known here.
//!
//! However it ends, no thread is left behind: an error ends both sides, and a panic of the helper
//! goes on in the caller.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, RecvError, Sender, channel};
use std::thread;

/// How many batches the helper has at most, so that it never waits for the next.
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
/// `fill` as `take` left it. What `fill` left in a batch before it failed is worked on and taken
/// out first: a failure comes after all that stands before it.
pub(super) fn share<B: Default + Send, E>(
    mut fill: impl FnMut(&mut B) -> Result<Filled, E>,
    mut work: impl FnMut(&mut B) + Clone + Send,
    mut take: impl FnMut(&mut B) -> Result<(), E>,
) -> Result<(), E> {
    let mut first = B::default();
    match fill(&mut first) {
        Ok(Filled::Full) => with_helper(first, fill, work, take),
        end => {
            work(&mut first);
            take(&mut first)?;
            end.map(drop)
        }
    }
}

fn with_helper<B: Default + Send, E>(
    first: B,
    fill: impl FnMut(&mut B) -> Result<Filled, E>,
    work: impl FnMut(&mut B) + Clone + Send,
    take: impl FnMut(&mut B) -> Result<(), E>,
) -> Result<(), E> {
    thread::scope(|scope| {
        let (lend, lent) = channel::<B>();
        let (give_back, back) = channel();
        let mut helpers_work = work.clone();
        let helper = scope.spawn(move || {
            for mut batch in lent {
                helpers_work(&mut batch);
                // Nobody waits for it: the other side has failed.
                if give_back.send(batch).is_err() {
                    return;
                }
            }
        });
        // Drops its ends of the channels, however it ends, and so the helper ends as well.
        let end = Pending::new(lend, back).run(first, fill, work, take);
        match helper.join() {
            Ok(()) => end,
            Err(panic) => resume_unwind(panic),
        }
    })
}

/// The batches that are filled and not yet taken out.
struct Pending<B> {
    in_order: VecDeque<Batch<B>>,
    lend: Sender<B>,
    back: Receiver<B>,
    /// How many the helper has.
    lent: usize,
}

enum Batch<B> {
    /// Worked on, here.
    Done(B),
    /// With the helper, which gives them back in their order.
    Lent,
}

impl<B: Default> Pending<B> {
    fn new(lend: Sender<B>, back: Receiver<B>) -> Self {
        Self {
            in_order: VecDeque::new(),
            lend,
            back,
            lent: 0,
        }
    }

    /// The calling thread's side. If it finds the helper gone, it ends: the helper has panicked,
    /// and its panic is what becomes of it all.
    fn run<E>(
        mut self,
        first: B,
        mut fill: impl FnMut(&mut B) -> Result<Filled, E>,
        mut work: impl FnMut(&mut B),
        mut take: impl FnMut(&mut B) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut spare = Vec::new();
        let mut batch = first;
        let mut filled = Ok(Filled::Full);
        loop {
            if self.lent < LENT {
                if self.lend.send(batch).is_err() {
                    return Ok(());
                }
                self.in_order.push_back(Batch::Lent);
                self.lent += 1;
            } else {
                work(&mut batch);
                self.in_order.push_back(Batch::Done(batch));
            }
            if !matches!(filled, Ok(Filled::Full)) {
                break;
            }
            while let Some(mut done) = self.oldest_done() {
                take(&mut done)?;
                spare.push(done);
            }
            if self.in_order.len() == BATCHES {
                let Ok(mut done) = self.oldest() else {
                    return Ok(());
                };
                take(&mut done)?;
                spare.push(done);
            }
            batch = spare.pop().unwrap_or_default();
            filled = fill(&mut batch);
        }
        while !self.in_order.is_empty() {
            let Ok(mut done) = self.oldest() else {
                return Ok(());
            };
            take(&mut done)?;
        }
        filled.map(drop)
    }

    fn oldest_done(&mut self) -> Option<B> {
        match self.in_order.pop_front()? {
            Batch::Done(b) => Some(b),
            Batch::Lent => match self.back.try_recv() {
                Ok(b) => {
                    self.lent -= 1;
                    Some(b)
                }
                Err(_) => {
                    self.in_order.push_front(Batch::Lent);
                    None
                }
            },
        }
    }

    fn oldest(&mut self) -> Result<B, RecvError> {
        match self.in_order.pop_front().ok_or(RecvError)? {
            Batch::Done(b) => Ok(b),
            Batch::Lent => {
                self.lent -= 1;
                self.back.recv()
            }
        }
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
        number: u32,
        worker: Option<ThreadId>,
    }

    /// Fills batches with the numbers from 1 on; the last is `last`.
    fn up_to(last: u32) -> impl FnMut(&mut Batch) -> Result<Filled, String> {
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
            let all: Vec<u32> = (1..=last).map(|number| number * 10).collect();
            assert_eq!(taken, all);
        }
    }

    #[test]
    fn one_batch_needs_no_second_thread_and_two_have_one() {
        let here = thread::current().id();
        for last in 1..4 {
            let mut workers = Vec::new();
            share(up_to(last), note_worker, |batch| {
                workers.extend(batch.worker);
                Ok(())
            })
            .unwrap();
            assert_eq!(workers.len(), last as usize);
            for worker in workers {
                assert_eq!(worker == here, last == 1, "{last}");
            }
        }
    }

    #[test]
    fn a_failure_to_fill_comes_after_all_that_stands_before_it() {
        for last in 1..8 {
            let mut fill = up_to(u32::MAX);
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
        for failing in 1..8 {
            let mut fill = up_to(u32::MAX);
            let fill = |batch: &mut Batch| match fill(batch) {
                Ok(_) if batch.number == 8 => Err("unreadable".to_owned()),
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
        for panicking in 1..8 {
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
        assert!(made <= PENDING, "{made}");
    }
}
