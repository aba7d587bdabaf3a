//! Schedules: which actor makes which step. A schedule has a text form, so that it can be replayed.

use std::fmt;
use std::str::FromStr;

use super::scheduler::{Choose, Step};
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
            if *actor != default_choice(current, able) {
                turns.push((number, *actor));
            }
            current = Some(*actor);
        }
        Self(turns)
    }

    /// The schedules that turn once more, after the last turn of this one, with their preemptions.
    /// `steps` are the steps of this schedule, and `preemptions` its own.
    pub fn children(&self, steps: &[Step], preemptions: usize) -> Vec<(Self, usize)> {
        let from = self.0.last().map_or(0, |(step, _)| step + 1);
        let mut children = Vec::new();
        for number in from..steps.len() {
            let current = number.checked_sub(1).map(|before| steps[before].actor);
            let able = &steps[number].able;
            let preempts = current.is_some_and(|current| able.contains(&current));
            for &actor in able.iter().filter(|&&actor| actor != default_choice(current, able)) {
                let turns = self.0.iter().copied().chain([(number, actor)]).collect();
                children.push((Self(turns), preemptions + usize::from(preempts)));
            }
        }
        children
    }
}

fn default_choice(current: Option<usize>, able: &[usize]) -> usize {
    current.filter(|current| able.contains(current)).unwrap_or(able[0])
}

impl Choose for Schedule {
    fn choose(&mut self, step: usize, current: Option<usize>, able: &[usize]) -> usize {
        let turn = self.0.iter().find(|(at, actor)| *at == step && able.contains(actor));
        turn.map_or_else(|| default_choice(current, able), |(_, actor)| *actor)
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
}

impl Seeded {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let turns_in = *random.pick(&[2, 4, 9, 25, 60]);
        Self { random, turns_in }
    }
}

impl Choose for Seeded {
    fn choose(&mut self, _step: usize, current: Option<usize>, able: &[usize]) -> usize {
        match current.filter(|current| able.contains(current)) {
            Some(current) if !self.random.one_in(self.turns_in) => current,
            _ => *self.random.pick(able),
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

    #[test]
    fn each_schedule_of_two_actors_is_the_child_of_one_other() {
        // Two actors of two steps each have six schedules.
        let all = [[0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]];
        let (mut found, mut left) = (Vec::new(), vec![(Schedule::default(), 0)]);
        while let Some((mut schedule, preemptions)) = left.pop() {
            let (mut made, mut ends, mut current) = (Vec::new(), [2, 2], None);
            for step in 0..4 {
                let able: Vec<_> = (0..2).filter(|&actor| ends[actor] > 0).collect();
                let actor = schedule.choose(step, current, &able);
                ends[actor] -= 1;
                current = Some(actor);
                made.push(actor);
            }
            left.extend(schedule.children(&steps(&made), preemptions));
            found.push(made);
        }
        assert_eq!(found.len(), all.len());
        assert!(all.iter().all(|one| found.iter().any(|other| one[..] == other[..])));
    }
}
