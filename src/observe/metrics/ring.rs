//! A day of one number on a fixed grid of time: four bytes a point, as many digits as a screen shows; a gap where
//! nothing is known.

use std::collections::VecDeque;

use jiff::Timestamp;

/// Points kept: 24 hours at 15 seconds.
const KEPT: usize = 5_760;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub at: Timestamp,
    pub value: f64,
}

/// Values in the order of time; NaN is a gap.
#[derive(Clone, Debug)]
pub struct Ring {
    step: u32,
    /// The grid place of the first value.
    first: i64,
    values: VecDeque<f32>,
}

impl Ring {
    /// `step`: seconds between two points.
    pub fn new(step: u32) -> Self {
        Self { step: step.max(1), first: 0, values: VecDeque::new() }
    }

    pub fn step(&self) -> u32 {
        self.step
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Bytes held on the heap.
    pub fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<f32>()
    }

    fn place(&self, at: Timestamp) -> i64 {
        at.as_second().div_euclid(i64::from(self.step))
    }

    /// Puts a point in its place, in whatever order they come. What is no number, or older than a day before
    /// the newest, is left out.
    pub fn fill(&mut self, point: Point) {
        let value = point.value as f32;
        if !value.is_finite() {
            return;
        }
        let place = self.place(point.at);
        if self.values.is_empty() {
            // exactly a day, so that growing never doubles it
            self.values.reserve_exact(KEPT);
            self.first = place;
        }
        let kept = i64::try_from(KEPT).unwrap_or(i64::MAX);
        let end = self.first + i64::try_from(self.values.len()).unwrap_or(0);
        if place < self.first {
            if end - place > kept {
                return;
            }
            for _ in place..self.first {
                self.values.push_front(f32::NAN);
            }
            self.first = place;
        }
        if place >= end {
            if place - self.first >= kept {
                let gone = (place - self.first + 1 - kept).min(end - self.first);
                self.values.drain(..usize::try_from(gone).unwrap_or(0));
                self.first += gone;
                if self.values.is_empty() {
                    self.first = place;
                }
            }
            let end = self.first + i64::try_from(self.values.len()).unwrap_or(0);
            for _ in end..=place {
                self.values.push_back(f32::NAN);
            }
        }
        if let Some(kept) = usize::try_from(place - self.first).ok().and_then(|index| self.values.get_mut(index)) {
            *kept = value;
        }
    }

    /// Points between two times, oldest first; no gaps among them.
    pub fn points(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Point> + '_ {
        let skip = usize::try_from(self.place(from) - self.first).unwrap_or(0);
        let step = i64::from(self.step);
        self.values.iter().enumerate().skip(skip).filter(|(_, value)| !value.is_nan()).map_while(
            move |(index, value)| {
                let place = self.first + i64::try_from(index).ok()?;
                let at = Timestamp::from_second(place * step).ok()?;
                (at <= to).then_some(Point { at, value: f64::from(*value) })
            },
        )
    }

    /// One value for each of `columns` equal parts of a time; `None` is a gap. Of several values in one part
    /// `worse` keeps the one that counts, so that a short peak is not averaged away.
    pub fn columns(
        &self,
        from: Timestamp,
        to: Timestamp,
        columns: usize,
        worse: impl Fn(f64, f64) -> f64,
    ) -> Vec<Option<f64>> {
        let mut out: Vec<Option<f64>> = vec![None; columns];
        let whole = to.duration_since(from).as_secs_f64();
        if whole <= 0.0 || columns == 0 {
            return out;
        }
        for point in self.points(from, to) {
            let part = point.at.duration_since(from).as_secs_f64().max(0.0) / whole * columns as f64;
            let slot = &mut out[(part as usize).min(columns - 1)];
            *slot = Some(slot.map_or(point.value, |value| worse(value, point.value)));
        }
        self.bridge(&mut out, whole / columns as f64);
        out
    }

    /// Parts shorter than a step have no point of their own: the one before stands for a step.
    fn bridge(&self, out: &mut [Option<f64>], part: f64) {
        let reach = (f64::from(self.step) / part).ceil() as usize;
        let mut last: Option<(usize, f64)> = None;
        for (index, slot) in out.iter_mut().enumerate() {
            match (*slot, last) {
                (Some(value), _) => last = Some((index, value)),
                (None, Some((at, value))) if index - at < reach => *slot = Some(value),
                _ => {}
            }
        }
    }
}
