//! Who waits for a lane, and how they get their answers.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::base::error::{Error, Result, causes};
use crate::platform::cores::{self, Cores};

/// Who waits for an answer.
pub(super) struct Asker<A> {
    /// None once they have one.
    reply: Option<Reply<A>>,
    /// The core that they wait on, if it is one.
    core: Option<usize>,
    pub(super) until: Instant,
}

type Reply<A> = oneshot::Sender<Result<A>>;

/// Where an answer comes.
pub(super) type Answered<A> = oneshot::Receiver<Result<A>>;

impl<A> Asker<A> {
    /// Whoever asks on this core, if it is one, and waits for so long.
    pub(super) fn new(core: Option<usize>, deadline: Duration) -> (Self, Answered<A>) {
        let (reply, answered) = oneshot::channel();
        (Self { reply: Some(reply), core, until: Instant::now() + deadline }, answered)
    }

    pub(super) fn waits(&self) -> bool {
        self.reply.is_some()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn answer(&mut self, answer: Result<A>) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(answer);
        }
    }

    /// Tells them so, if their time is over.
    pub(super) fn refuse_if_late(&mut self, now: Instant, refusal: impl FnOnce() -> Error) {
        if self.until <= now {
            self.answer(Err(refusal()));
        }
    }
}

/// Gives everybody their answer. Those on another core get theirs together, and first: each that is sent there alone is a system call.
pub(super) fn hand_out<A: Send + 'static>(cores: &Cores, askers: Vec<Asker<A>>, answers: Vec<Result<A>>) {
    let here = cores::current();
    let mut of_here = Vec::with_capacity(askers.len());
    let mut of_others: Vec<Vec<_>> = (0..cores.count()).map(|_| Vec::new()).collect();
    for (asker, answer) in askers.into_iter().zip(answers) {
        let Some(reply) = asker.reply else { continue };
        let other = asker.core.filter(|core| Some(*core) != here).and_then(|core| of_others.get_mut(core));
        other.unwrap_or(&mut of_here).push((reply, answer));
    }
    for (core, replies) in of_others.into_iter().enumerate() {
        match replies.len() {
            // A task would be one more step for the same system call.
            0 | 1 => send_all(replies),
            _ => cores.spawn_on(core, async { send_all(replies) }),
        }
    }
    send_all(of_here);
}

/// Whoever went away misses nothing.
fn send_all<A>(replies: Vec<(Reply<A>, Result<A>)>) {
    for (reply, answer) in replies {
        let _ = reply.send(answer);
    }
}

/// Tells everybody why there is no answer.
pub(super) fn refuse<A>(askers: Vec<Asker<A>>, error: &Error) {
    for mut asker in askers {
        asker.answer(Err(match error {
            Error::Unavailable(why) => Error::Unavailable(why.clone()),
            Error::NoPrimary(none) => Error::NoPrimary(none.clone()),
            Error::Busy(why) => Error::Busy(why),
            Error::Internal(error) => Error::Internal(anyhow::anyhow!(causes(error))),
            Error::Refused(_) => Error::Internal(anyhow::anyhow!("{error}")),
        }));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn everybody_gets_their_own_answer_wherever_they_wait() {
        let cores = Cores::start(3).expect("cores");
        let lane = cores.clone();
        let places = [Some(0), Some(2), None, Some(1), Some(2), Some(0), Some(9)];
        let (askers, answers): (Vec<_>, Vec<_>) =
            places.map(|core| Asker::new(core, Duration::from_mins(1))).into_iter().unzip();
        cores.spawn_on(0, async move { hand_out(&lane, askers, (0..7).map(Ok).collect()) });
        for (number, answer) in (0..).zip(answers) {
            assert_eq!(answer.await.expect("not forgotten").expect("an answer"), number);
        }
        cores.stop();
    }

    #[tokio::test]
    async fn who_waits_on_a_core_that_has_stopped_is_not_left_waiting() {
        let cores = Cores::start(2).expect("cores");
        cores.stop();
        let (askers, answers): (Vec<_>, Vec<_>) =
            [Some(1); 3].map(|core| Asker::new(core, Duration::from_mins(1))).into_iter().unzip();
        hand_out(&cores, askers, vec![Ok(()), Ok(()), Ok(())]);
        for answer in answers {
            // Answered before it stopped, or let go with it.
            let ended = timeout(Duration::from_secs(30), answer).await.expect("no longer left waiting");
            assert!(matches!(ended, Ok(Ok(())) | Err(_)));
        }
    }

    #[test]
    fn who_was_refused_in_time_waits_no_more() {
        let (mut asker, mut answer) = Asker::<()>::new(None, Duration::ZERO);
        assert!(asker.waits());
        asker.refuse_if_late(Instant::now(), || Error::Unavailable("late".to_owned()));
        assert!(!asker.waits() && asker.is_gone());
        assert!(matches!(answer.try_recv(), Ok(Err(Error::Unavailable(_)))));
    }
}
