//! Processes of a simulated fleet: many on one thread, each can be frozen, thawed and killed.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::task::{AbortHandle, JoinHandle};

thread_local! {
    /// The process whose code runs at this moment.
    static RUNNING: RefCell<Option<Process>> = const { RefCell::new(None) };
}

/// A process. Every clone is the same one.
#[derive(Debug, Clone)]
pub struct Process {
    name: Arc<str>,
    life: Arc<Mutex<Life>>,
    was_frozen: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Life {
    Runs(Vec<AbortHandle>),
    /// What wanted to go on meanwhile does so when it is thawed.
    Frozen(Vec<AbortHandle>, Vec<Waker>),
    Dead,
}

impl Process {
    /// A process without any task yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let life = Arc::new(Mutex::new(Life::Runs(Vec::new())));
        Self { name: name.into(), life, was_frozen: Arc::default() }
    }

    /// The process whose code calls this; none outside of all.
    #[must_use]
    pub fn current() -> Option<Self> {
        RUNNING.with_borrow(Clone::clone)
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts `task` as a part of it.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let handle = tokio::spawn(Within { process: self.clone(), task: Box::pin(task) });
        match &mut *self.life() {
            Life::Runs(tasks) | Life::Frozen(tasks, _) => tasks.push(handle.abort_handle()),
            Life::Dead => handle.abort(),
        }
        handle
    }

    /// Whether it was killed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(*self.life(), Life::Dead)
    }

    /// Whether it was ever frozen.
    #[must_use]
    pub fn was_frozen(&self) -> bool {
        self.was_frozen.load(Ordering::Relaxed)
    }

    /// Stops all of it where it stands (SIGSTOP).
    pub fn freeze(&self) {
        self.was_frozen.store(true, Ordering::Relaxed);
        let mut life = self.life();
        if let Life::Runs(tasks) = &mut *life {
            *life = Life::Frozen(std::mem::take(tasks), Vec::new());
        }
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        let mut life = self.life();
        if let Life::Frozen(tasks, wakers) = &mut *life {
            let (tasks, wakers) = (std::mem::take(tasks), std::mem::take(wakers));
            *life = Life::Runs(tasks);
            drop(life);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Ends all of it where it stands (SIGKILL).
    pub fn kill(&self) {
        let life = std::mem::replace(&mut *self.life(), Life::Dead);
        if let Life::Runs(tasks) | Life::Frozen(tasks, _) = life {
            tasks.into_iter().for_each(|task| task.abort());
        }
    }
}

/// Spawns a task of the process whose code calls this.
pub fn spawn<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    match Process::current() {
        Some(process) => process.spawn(task),
        None => tokio::spawn(task),
    }
}

/// The same task as a part of the process whose code calls this.
pub fn here<F: Future<Output: Send> + Send + 'static>(
    task: F,
) -> Pin<Box<dyn Future<Output = F::Output> + Send>> {
    match Process::current() {
        Some(process) => Box::pin(Within { process, task: Box::pin(task) }),
        None => Box::pin(task),
    }
}

/// A task that goes on only while its process does.
struct Within<F> {
    process: Process,
    task: Pin<Box<F>>,
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match &mut *self.process.life() {
            Life::Runs(_) => {}
            Life::Frozen(_, wakers) => {
                wakers.push(context.waker().clone());
                return Poll::Pending;
            }
            Life::Dead => return Poll::Pending,
        }
        let before = RUNNING.replace(Some(self.process.clone()));
        let polled = self.task.as_mut().poll(context);
        RUNNING.set(before);
        polled
    }
}
