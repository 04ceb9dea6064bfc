//! Threads that share a pass.

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::Error;

/// Threads that somebody else started, such as those of a library that computes between the passes.
///
/// Two sets of threads get into each other's way: many libraries let theirs spin for some
/// milliseconds after each operation, and they hold the cores that others need.
pub trait Team: Debug + Send {
    /// Calls `work` on the calling thread and at the same time on up to `threads - 1` others, and
    /// comes back when all calls have. Fewer calls are allowed: one does all that there is to do.
    fn run(&self, threads: usize, work: &(dyn Fn() + Sync));
}

/// The calling thread and others.
#[derive(Debug)]
pub(crate) struct Threads {
    count: usize,
    others: Others,
}

#[derive(Debug)]
enum Others {
    None,
    Pool(ThreadPool),
    Team(Box<dyn Team>),
}

impl Threads {
    pub(crate) fn one() -> Self {
        Self { count: 1, others: Others::None }
    }

    /// `count - 1` threads of its own, which sleep between passes.
    pub(crate) fn pool(count: usize) -> Result<Self, Error> {
        if count <= 1 {
            return Ok(Self::one());
        }
        let pool = ThreadPoolBuilder::new()
            .num_threads(count - 1)
            .thread_name(|i| format!("kernels-{i}"))
            .build()
            .map_err(|error| Error::Threads(error.to_string()))?;
        Ok(Self { count, others: Others::Pool(pool) })
    }

    pub(crate) fn team(count: usize, team: Box<dyn Team>) -> Self {
        if count <= 1 {
            return Self::one();
        }
        Self { count, others: Others::Team(team) }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Into how many parts to cut `work` multiplications: as many as outweigh what it takes until the
    /// other threads are awake.
    pub(crate) fn parts(&self, work: usize) -> usize {
        // 40 µs of work for threads that sleep, 10 µs for those that probably do not.
        let least = match self.others {
            Others::Team(_) => 250_000,
            Others::None | Others::Pool(_) => 1_000_000,
        };
        (work / least).clamp(1, self.count)
    }

    /// Runs all jobs, the first of them here if threads sleep.
    pub(crate) fn run<J: Send>(&self, jobs: impl IntoIterator<Item = J>, run: impl Fn(J) + Sync) {
        let mut jobs = jobs.into_iter();
        let Some(first) = jobs.next() else { return };
        match &self.others {
            Others::None => {
                run(first);
                jobs.for_each(run);
            }
            Others::Pool(pool) => pool.in_place_scope(|scope| {
                for job in jobs {
                    let run = &run;
                    scope.spawn(move |_| run(job));
                }
                run(first);
            }),
            Others::Team(team) => {
                let Some(second) = jobs.next() else { return run(first) };
                let jobs: Vec<Mutex<Option<J>>> = [first, second]
                    .into_iter()
                    .chain(jobs)
                    .map(|job| Mutex::new(Some(job)))
                    .collect();
                let next = AtomicUsize::new(0);
                let work = || {
                    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let job = job.lock().unwrap_or_else(PoisonError::into_inner).take();
                        job.into_iter().for_each(&run);
                    }
                };
                // Not as many as there are jobs: GNU's OpenMP ends threads that a smaller region does not
                // use, and starts them again for the next (PyTorch's issue 32008). Who finds no job leaves.
                team.run(self.count, &work);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls the work so many times at once, whatever it is asked for.
    #[derive(Debug)]
    struct Calls(usize);

    impl Team for Calls {
        fn run(&self, _: usize, work: &(dyn Fn() + Sync)) {
            std::thread::scope(|scope| {
                (1..self.0).for_each(|_| drop(scope.spawn(work)));
                work();
            });
        }
    }

    #[test]
    fn every_job_runs_once_however_many_threads_come() {
        for calls in [1, 2, 3, 9] {
            let threads = Threads::team(3, Box::new(Calls(calls)));
            for count in [0, 1, 2, 3, 4, 50] {
                let mut done = vec![0; count];
                threads.run(done.iter_mut().enumerate(), |(i, slot)| *slot += i + 1);
                assert_eq!(done, (1..=count).collect::<Vec<_>>(), "{calls} calls");
            }
        }
    }

    #[test]
    fn little_work_is_not_cut() {
        let threads = Threads::team(2, Box::new(Calls(2)));
        assert_eq!([0, 250_000, 600_000, 10_000_000].map(|work| threads.parts(work)), [1, 1, 2, 2]);
        assert_eq!(Threads::pool(2).unwrap().parts(600_000), 1);
        assert_eq!(Threads::team(1, Box::new(Calls(1))).parts(usize::MAX), 1);
    }
}
