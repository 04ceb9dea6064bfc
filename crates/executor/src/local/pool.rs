//! The processes at work, and the trials that wait for one.

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use dst_record::record::{Collapse, Provenance, Status};
use dst_record::{Error, ErrorKind, Keep, Result};

use super::child::{Stop, Worker, describe_end};
use super::ended_before;
use crate::{Asked, Event, Execution, ExecutorOptions, Exit, FailurePolicy, Unfinished};
use dst_store::lease::{self, Attempts};
use dst_store::{Claim, Store, TrialResult, TrialState};

/// How often the executor looks around when no process says anything.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How often trials that others hold are looked at again.
const HELD_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Time for a checkpoint after a request to stop at the time limit.
const CHECKPOINT_GRACE: Duration = Duration::from_secs(30);

/// Wait before a process killed by SIGKILL counts as a crash. Whoever kills a whole job may
/// have reached the trial first and will reach the executor next; that is no result of the
/// trial.
const KILL_GRACE: Duration = Duration::from_secs(1);

/// How long after the end of the others a trial that is killed still counts as killed beside them.
const MEMORY_WINDOW: Duration = Duration::from_secs(10);

/// A trial that was killed so often beside others goes on alone.
const MOST_KILLS_BESIDE_OTHERS: usize = 2;

/// What to do with one execution.
pub(super) struct Pool<'a> {
    store: &'a Store,
    options: &'a ExecutorOptions,
    events: &'a mut dyn FnMut(Event),
    /// Trials at once: as many as were asked for until one of them is killed.
    workers: usize,
    waiting: VecDeque<String>,
    held: Vec<String>,
    held_polled: Instant,
    working: Vec<Worker>,
    sender: Sender<Option<Event>>,
    messages: Receiver<Option<Event>>,
    /// Trials that were killed beside others, once for each time.
    postponed: Vec<String>,
    /// Those that go on when nothing else runs.
    one_by_one: VecDeque<String>,
    /// How often each trial was tried again.
    retried: BTreeMap<String, u32>,
    execution: Execution,
    /// The disk is full or the store is gone: nothing further is started.
    fatal: Option<Error>,
}

impl<'a> Pool<'a> {
    pub(super) fn new(
        store: &'a Store,
        options: &'a ExecutorOptions,
        events: &'a mut dyn FnMut(Event),
    ) -> Self {
        let (sender, messages) = channel();
        Self {
            store,
            options,
            events,
            workers: options.workers,
            waiting: VecDeque::new(),
            held: Vec::new(),
            held_polled: Instant::now(),
            working: Vec::new(),
            sender,
            messages,
            postponed: Vec::new(),
            one_by_one: VecDeque::new(),
            retried: BTreeMap::new(),
            execution: Execution::default(),
            fatal: None,
        }
    }

    /// Skips a trial that ended before, or lets it wait for its turn.
    pub(super) fn consider(&mut self, id: String, retry_failed: bool) -> Result<()> {
        match ended_before(self.store, &id, self.options, retry_failed)? {
            Some(status) => self.skip(id, status),
            None => self.waiting.push_back(id),
        }
        Ok(())
    }

    fn skip(&mut self, id: String, status: Status) {
        self.execution.skipped += 1;
        (self.events)(Event::Skipped { id, status });
    }

    /// Works until all trials have ended, or nothing further may be started.
    pub(super) fn run(mut self, interrupts: &mut dyn FnMut() -> Asked) -> Result<Execution> {
        loop {
            let asked = interrupts();
            self.handle_interrupts(asked.stops);
            if asked.saves && !self.working.is_empty() {
                self.working.iter().for_each(Worker::ask_to_save);
                (self.events)(Event::Saving { trials: self.working.len() });
            }
            self.poll_held()?;
            self.start_waiting()?;
            let queues = [&self.waiting, &self.one_by_one];
            let nothing_waits = queues.iter().all(|queue| queue.is_empty());
            if self.working.is_empty() && nothing_waits && self.held.is_empty() {
                break;
            }
            self.listen();
            self.enforce_time_limits();
            self.collect()?;
        }
        match self.fatal.take() {
            Some(error) => Err(error),
            None => Ok(self.execution),
        }
    }

    fn handle_interrupts(&mut self, interrupts: usize) {
        if interrupts > 0 {
            let is_first = !std::mem::replace(&mut self.execution.interrupted, true);
            if is_first && !self.working.is_empty() {
                (self.events)(Event::Stopping { trials: self.working.len() });
            }
            self.start_nothing_further();
            for worker in &mut self.working {
                worker.ask_to_stop(Stop::Interrupt);
            }
        }
        if interrupts > 1 {
            self.working.iter_mut().for_each(Worker::kill);
        }
    }

    fn start_nothing_further(&mut self) {
        self.waiting.clear();
        self.one_by_one.clear();
        self.held.clear();
    }

    /// Trials that another process held: has it ended them, or left them?
    fn poll_held(&mut self) -> Result<()> {
        if self.held.is_empty() || self.held_polled.elapsed() < HELD_POLL_INTERVAL {
            return Ok(());
        }
        self.held_polled = Instant::now();
        for id in std::mem::take(&mut self.held) {
            match self.store.state(&id)? {
                TrialState::Running(_) => self.held.push(id),
                // A failure of the other process is a result like any other.
                _ => self.consider(id, false)?,
            }
        }
        Ok(())
    }

    fn start_waiting(&mut self) -> Result<()> {
        if self.working.is_empty() && self.waiting.is_empty() {
            self.waiting.extend(self.one_by_one.pop_front());
        }
        while self.working.len() < self.workers {
            let Some(id) = self.waiting.pop_front() else {
                break;
            };
            if let Some(why) = self.options.outdated(self.store, &id)? {
                self.store.set_aside(&id, why)?;
            }
            match self.store.state(&id)? {
                TrialState::Running(holder) => self.hold(id, holder.to_string()),
                // Another grid was faster since this one looked.
                TrialState::Ended { status, .. } => self.skip(id, status),
                _ => {
                    let sender = self.sender.clone();
                    match Worker::start(self.store, &id, self.options, sender) {
                        Ok(worker) => {
                            self.working.push(worker);
                            (self.events)(Event::Started { id });
                        }
                        Err(error) => self.give_up(&id, error),
                    }
                }
            }
        }
        Ok(())
    }

    fn note_parallel_trials(&mut self) {
        if self.working.len() > 1 {
            let now = Some(Instant::now());
            self.working.iter_mut().for_each(|worker| worker.last_beside_others = now);
        }
    }

    fn hold(&mut self, id: String, holder: String) {
        self.held.push(id.clone());
        (self.events)(Event::Held { id, holder });
    }

    /// Passes on what the processes say, waiting a moment for the first of it.
    fn listen(&mut self) {
        let first = self.messages.recv_timeout(POLL_INTERVAL).ok();
        for event in first.into_iter().chain(self.messages.try_iter()).flatten() {
            (self.events)(event);
        }
    }

    fn enforce_time_limits(&mut self) {
        let Some(limit) = self.options.timeout else {
            return;
        };
        for worker in &mut self.working {
            match worker.stop {
                None if worker.started.elapsed() >= limit => worker.ask_to_stop(Stop::Timeout),
                Some((Stop::Timeout, asked)) if asked.elapsed() >= CHECKPOINT_GRACE => {
                    worker.kill()
                }
                _ => {}
            }
        }
    }

    fn collect(&mut self) -> Result<()> {
        let mut index = 0;
        while index < self.working.len() {
            self.note_parallel_trials();
            match self.working[index].poll()? {
                None => index += 1,
                Some(status) => {
                    let worker = self.working.remove(index);
                    self.listen_to_the_rest();
                    if let Err(error) = self.conclude(&worker, status) {
                        self.give_up(&worker.id, error);
                    }
                }
            }
        }
        Ok(())
    }

    fn listen_to_the_rest(&mut self) {
        for event in self.messages.try_iter().flatten() {
            (self.events)(event);
        }
    }

    /// What came of a process that ended.
    fn conclude(&mut self, worker: &Worker, exit: ExitStatus) -> Result<()> {
        let id = &worker.id;
        match self.store.state(id)? {
            TrialState::Ended { status, reason, collapse } => {
                return self.end(worker, status, reason, collapse);
            }
            TrialState::Running(holder) => {
                if !self.execution.interrupted && !self.execution.given_up {
                    self.hold(id.clone(), holder.to_string());
                }
                return Ok(());
            }
            TrialState::Damaged(why) => {
                self.leave_unfinished(id, why);
                return Ok(());
            }
            TrialState::Pending | TrialState::Interrupted => {}
        }
        match worker.stop {
            // It goes on next time.
            Some((Stop::Interrupt | Stop::GivenUp, _)) => return Ok(()),
            Some((Stop::Timeout, _)) => {
                let limit = self.options.timeout.unwrap_or_default().as_secs_f64();
                let reason = format!("took longer than the time limit of {limit} s");
                return self.fail(worker, Status::TimedOut, reason);
            }
            None => {}
        }
        let is = |code: Exit| exit.code() == Some(code as i32);
        if is(Exit::Io) {
            // The next trial would meet the same full disk.
            return Err(Error::new(ErrorKind::Io, with_words("", worker)));
        }
        if is(Exit::Usage) || is(Exit::Data) {
            self.leave_unfinished(id, with_words("", worker));
            return Ok(());
        }
        if is(Exit::Interrupted) || exit.signal() == Some(libc::SIGTERM) {
            self.leave_unfinished(id, "stopped by a signal from outside".into());
            return Ok(());
        }
        if exit.signal() == Some(libc::SIGKILL) {
            let beside_others =
                worker.last_beside_others.is_some_and(|last| last.elapsed() < MEMORY_WINDOW);
            std::thread::sleep(KILL_GRACE);
            if beside_others {
                self.postpone(worker, exit);
                return Ok(());
            }
        }
        let (status, end) = worker.judge_end(exit);
        self.fail(worker, status, with_words(&end, worker))
    }

    /// Lets a trial that was killed beside others go on when fewer run, in the end alone. On most
    /// systems that means that memory was short, which is the fault of all of them.
    fn postpone(&mut self, worker: &Worker, exit: ExitStatus) {
        let id = worker.id.clone();
        if self.fatal.is_some() {
            self.leave_unfinished(&id, with_words(&describe_end(exit), worker));
            return;
        }
        self.postponed.push(id.clone());
        let times = self.postponed.iter().filter(|other| **other == id).count();
        self.workers = self.workers.min(self.working.len()).max(1);
        match times {
            ..MOST_KILLS_BESIDE_OTHERS => self.waiting.push_front(id.clone()),
            _ => self.one_by_one.push_back(id.clone()),
        }
        (self.events)(Event::Postponed { id, workers: self.workers });
    }

    /// Writes the result of a trial whose process could not, unless another process has worked on the
    /// trial since: then that one's work counts, and the trial goes on.
    fn fail(&mut self, worker: &Worker, status: Status, reason: String) -> Result<()> {
        let id = &worker.id;
        let (attempt, others) = match self.store.attempts(id)? {
            Attempts::Idle { attempts, last } => {
                let is_its_own = last.is_some_and(|last| last.is_process(worker.process()));
                (attempts, attempts > worker.attempts_before && !is_its_own)
            }
            // It died before it could claim its trial.
            Attempts::None => (0, false),
            Attempts::Held(_) => (0, true),
        };
        if others {
            return self.consider(id.clone(), false);
        }
        // This process may have slept until now: only the newest attempt may write.
        let held = match self.store.claim(id)? {
            Claim::Ours(held) => held,
            Claim::Held(holder) => {
                self.hold(id.clone(), holder.to_string());
                return Ok(());
            }
        };
        let result = TrialResult {
            trial: worker.id.clone(),
            status,
            reason,
            collapse: None,
            outcome: None,
            confusion: Vec::new(),
            keep: Keep::None,
            rows: self.store.table_rows(id),
            files: BTreeMap::new(),
            provenance: Provenance {
                host: lease::host(),
                cpu: lease::processor(),
                device: self.options.device.clone(),
                threads: self.options.threads as u32,
                attempt,
                ..self.options.provenance.get(&worker.id).cloned().unwrap_or_default()
            },
        };
        held.write_result(&result)?;
        held.end("its process died")?;
        // Another attempt may have been first; then that is the result.
        if let TrialState::Ended { status, reason, collapse } = self.store.state(&worker.id)? {
            return self.end(worker, status, reason, collapse);
        }
        Ok(())
    }

    fn end(
        &mut self,
        worker: &Worker,
        status: Status,
        reason: String,
        collapse: Option<Collapse>,
    ) -> Result<()> {
        let id = worker.id.clone();
        let policy = &self.options.failures;
        let status = policy.judged(&id, status, collapse);
        let stops = self.execution.interrupted || self.execution.given_up || self.fatal.is_some();
        let tried = self.retried.entry(id.clone()).or_default();
        if FailurePolicy::is_worth_retrying(status) && *tried < policy.retries && !stops {
            *tried += 1;
            let remaining = policy.retries - *tried;
            self.store.set_aside(&id, "failed")?;
            // At once, so that who waits for the first failure need not wait for all other trials.
            self.waiting.push_front(id.clone());
            (self.events)(Event::Retried { id, status, reason, remaining });
            return Ok(());
        }
        let seconds = worker.started.elapsed().as_secs_f64();
        if status == Status::Finished {
            self.execution.finished += 1;
            (self.events)(Event::Ended { id, status, reason: String::new(), seconds });
            return Ok(());
        }
        self.execution.failed += 1;
        (self.events)(Event::Ended { id, status, reason, seconds });
        let failed = self.execution.failed;
        if policy.most.is_some_and(|most| failed >= most) && !stops {
            self.execution.given_up = true;
            self.start_nothing_further();
            self.working.iter_mut().for_each(|worker| worker.ask_to_stop(Stop::GivenUp));
            (self.events)(Event::GivenUp { failed });
        }
        Ok(())
    }

    fn leave_unfinished(&mut self, id: &str, reason: String) {
        let id = id.to_owned();
        self.execution.unfinished.push(Unfinished { id: id.clone(), reason: reason.clone() });
        (self.events)(Event::Unfinished { id, reason });
    }

    /// The store refused: what runs may end, nothing further is started.
    fn give_up(&mut self, id: &str, error: Error) {
        self.leave_unfinished(id, error.one_line());
        self.start_nothing_further();
        self.fatal.get_or_insert(error);
    }
}

fn with_words(what: &str, worker: &Worker) -> String {
    match (what, worker.last_words()) {
        ("", words) if words.is_empty() => "ended without a word".into(),
        ("", words) => words,
        (what, words) if words.is_empty() => what.to_owned(),
        (what, words) => format!("{what}: {words}"),
    }
}
