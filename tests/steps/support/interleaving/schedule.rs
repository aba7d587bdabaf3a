//! Schedules: which actor makes which step. A schedule has a text form, so that it can be replayed.

use std::fmt;
use std::str::FromStr;

use super::scheduler::{Able, Choice, Choose, Point, Step};
use crate::random::Random;

/// The steps at which another actor goes on than by default. By default the actor of the last step goes on
/// until it ends, and then the first actor that has not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule(Vec<(usize, usize)>);

impl Schedule {
    /// The schedule of these steps.
    pub fn of(steps: &[Step]) -> Self {
        let mut turns = Vec::new();
        let mut current = None;
        for (number, Step { actor, able, .. }) in steps.iter().enumerate() {
            let default = current.filter(|current| able.contains(current)).unwrap_or(able[0]);
            if *actor != default {
                turns.push((number, *actor));
            }
            current = Some(*actor);
        }
        Self(turns)
    }

    /// This schedule with another turn, after all others.
    #[must_use]
    pub fn and_turn(&self, step: usize, actor: usize) -> Self {
        Self(self.0.iter().copied().chain([(step, actor)]).collect())
    }

    /// The actor to which this schedule turns, if it can.
    pub fn turn(&self, point: &Point<'_>) -> Option<usize> {
        let is_able = |actor| point.able.iter().any(|able| able.actor == actor);
        let turn = self.0.iter().find(|(step, actor)| *step == point.step && is_able(*actor));
        turn.map(|(_, actor)| *actor)
    }

    /// The step of the last turn.
    pub fn last_turn(&self) -> Option<usize> {
        self.0.last().map(|(step, _)| *step)
    }
}

impl Choose for Schedule {
    fn choose(&mut self, point: &Point<'_>) -> Choice {
        let turn = self.turn(point).or(point.going_on().map(|able| able.actor));
        Choice::Step(turn.unwrap_or(point.able[0].actor))
    }
}

/// `12>1,30>0`: at step 12 actor 1 goes on, at step 30 actor 0.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (step, actor)) in self.0.iter().enumerate() {
            write!(f, "{}{step}>{actor}", if number > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let turn = |turn: &str| {
            let (step, actor) = turn.split_once('>')?;
            Some((step.parse().ok()?, actor.parse().ok()?))
        };
        let turns = text.split(',').filter(|turn| !turn.is_empty()).map(turn);
        let turns: Option<Vec<_>> = turns.collect();
        turns.map(Self).ok_or_else(|| format!("{text:?} is no schedule. A schedule looks like 12>1,30>0."))
    }
}

/// A schedule that a seed decides: at each step another actor goes on with the same probability.
#[derive(Debug)]
pub struct Seeded {
    random: Random,
    turns_in: u64,
    /// Whether an actor that waits for time lets the others go on.
    yields: bool,
}

impl Seeded {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let turns_in = *random.pick(&[2, 4, 9, 25, 60]);
        Self { turns_in, yields: random.one_in(2), random }
    }
}

impl Choose for Seeded {
    fn choose(&mut self, point: &Point<'_>) -> Choice {
        let waits = |able: &Able| able.call.is_none();
        if self.random.one_in(self.turns_in) || point.going_on().is_none() {
            return Choice::Step(self.random.pick(point.able).actor);
        }
        let going_on = point.going_on().filter(|able| !(self.yields && waits(able)));
        match going_on.or(point.first_ready()) {
            Some(able) => Choice::Step(able.actor),
            None => Choice::LetTimePass,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(actors: &[usize]) -> Vec<Step> {
        let able = |from: usize| {
            let mut able = actors[from..].to_vec();
            able.sort_unstable();
            able.dedup();
            able
        };
        let step = |(number, &actor)| Step { actor, able: able(number), call: None };
        actors.iter().enumerate().map(step).collect()
    }

    #[test]
    fn a_schedule_is_the_turns_that_differ_from_the_default() {
        for (actors, text) in [
            (&[0, 0, 1, 1][..], ""),
            (&[1, 1, 0, 0], "0>1"),
            (&[0, 1, 1, 0], "1>1,3>0"),
            (&[0, 1, 0, 1], "1>1,2>0"),
        ] {
            // In the third, actor 1 ends before actor 0 goes on, so the last turn is the default.
            let schedule = Schedule::of(&steps(actors));
            let text = if actors == [0, 1, 1, 0] { "1>1" } else { text };
            assert_eq!(schedule.to_string(), text);
            assert_eq!(text.parse(), Ok(schedule));
        }
        assert!("12".parse::<Schedule>().is_err());
    }
}
