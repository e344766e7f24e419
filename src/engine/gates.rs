//! Gates in the run: when to measure, what a reading means, where the verdict leads.
//! The rules of the verdict itself are in `analysis`.

use jiff::Timestamp;

use super::{
    analysis::{Plan, Standing},
    draft::{Draft, End, Ruled},
    fact::{Fact, StepResult},
    message::{Decimal, Done, Effect, Measured, Measurement, Reading, Refusal},
    path,
    state::{GateState, Run},
};
use crate::runbook::{
    expr,
    model::{Action, Analysis, Goto, Metric},
    value::{Dur, StepId},
};

/// A sample older than this is no data, where the metric does not say otherwise.
pub const STALE_AFTER: Dur = Dur::mins(2);

/// `$window` outside a gate, in seconds.
const PANE_WINDOW: u64 = 600;

impl Run {
    /// The plan of a gate step: rendered analysis over the metrics of its own runbook.
    pub fn gate_plan(&self, id: &StepId) -> Option<Result<Plan, String>> {
        let Action::Analysis(analysis) = &self.state(id)?.intent.as_ref()?.action else { return None };
        let book = path::find(self.book(), id)?.book;
        Some(Plan::new(analysis, &book.metrics))
    }

    fn gate(&self, id: &StepId) -> Option<(Plan, &GateState)> {
        Some((self.gate_plan(id)?.ok()?, self.state(id)?.gate.as_ref()?))
    }

    pub(super) fn gate_deadline(&self, id: &StepId) -> Option<Timestamp> {
        let (plan, gate) = self.gate(id)?;
        plan.deadline(gate, |metric, slot| self.is_asked(id, metric, slot))
    }

    fn is_asked(&self, id: &StepId, metric: &str, slot: Timestamp) -> bool {
        self.in_flight.iter().any(|(ticket, key, at)| &ticket.step == id && key == metric && *at == slot)
    }

    /// What the metrics pane reads: the metrics the runbook names for it, else all, their queries filled in.
    /// A query that cannot be filled in yet (it uses a step's output) is left out.
    pub fn pane_metrics(&self) -> Vec<(&Metric, Measurement)> {
        let book = self.book();
        let named: Vec<&String> = match book.panes.metrics.as_slice() {
            [] => book.metrics.keys().collect(),
            named => named.iter().collect(),
        };
        let at = self.current().cloned().unwrap_or_else(|| StepId::new(""));
        let one = |name: &String| {
            let metric = book.metrics.get(name)?;
            Some((metric, self.measurement(&at, name, metric, PANE_WINDOW).ok()?))
        };
        named.into_iter().filter_map(one).collect()
    }

    /// The most samples any gate of the runbook needs behind a metric.
    pub fn needed_samples(&self, metric: &str) -> Option<u64> {
        let gates = self.rows().into_iter().filter_map(|row| match &row.step.action {
            Action::Analysis(gate) => Some(&gate.metrics),
            _ => None,
        });
        let needs = gates.flatten().filter(|given| given.metric.as_deref() == Some(metric));
        needs.filter_map(|given| given.min_samples.as_ref()?.value()).max()
    }

    /// A metric's queries with their values filled in, each escaped as a label value.
    pub(super) fn measurement(
        &self,
        id: &StepId,
        key: &str,
        metric: &Metric,
        window: u64,
    ) -> Result<Measurement, String> {
        let scope = self.scope(id, None);
        let book = path::find(self.book(), id).map_or(self.book(), |found| found.book);
        let ids = super::scope::leaf_ids(book);
        let fill = |text: &String| -> Result<String, String> {
            let text = expr::render_promql(text, &scope, &ids).map_err(|error| error.to_string())?;
            Ok(expr::fill_window(&text, window))
        };
        Ok(Measurement {
            metric: key.to_owned(),
            what: Measured::Query {
                query: fill(&metric.query)?,
                baseline_query: metric.baseline_query.as_ref().map(fill).transpose()?,
                samples_query: metric.samples_query.as_ref().map(fill).transpose()?,
                baseline_samples_query: metric.baseline_samples_query.as_ref().map(fill).transpose()?,
                stale_after: metric.stale_after.unwrap_or(STALE_AFTER),
            },
        })
    }
}

impl Draft {
    pub(super) fn begin_gate(&mut self, id: &StepId) -> Ruled {
        match self.run.gate_plan(id) {
            Some(Err(why)) => self.gate_over(id, StepResult::Error, vec![why]),
            _ => {
                let attempt = self.attempt(id);
                self.fact(Fact::GateBegan { step: id.clone(), attempt, at: self.now })
            }
        }
    }

    /// Asks for what is due; ends the gate where its verdict stands. True where something changed.
    pub(super) fn drive_gate(&mut self, id: &StepId) -> Ruled<bool> {
        let Some((plan, gate)) = self.run.gate(id) else { return Ok(false) };
        match plan.standing(gate, self.now) {
            Standing::Over(verdict) => {
                self.gate_over(id, verdict.result, verdict.reasons)?;
                return Ok(true);
            }
            Standing::Restart => {
                let attempt = self.attempt(id);
                self.fact(Fact::GateBegan { step: id.clone(), attempt, at: self.now })?;
                return Ok(true);
            }
            Standing::Open => {}
        }
        let due = plan.due(gate, self.now, |metric, slot| self.run.is_asked(id, metric, slot));
        let began = gate.began;
        for (slot, keys) in due {
            // The window of a slot filled in late ends at the slot, not now.
            let window = u64::try_from(slot.duration_since(began).as_secs()).unwrap_or(0).max(1);
            self.measure(id, &plan, slot, &keys, window)?;
        }
        Ok(false)
    }

    fn measure(&mut self, id: &StepId, plan: &Plan, slot: Timestamp, keys: &[String], window: u64) -> Ruled {
        let began = self.run.state(id).and_then(|state| state.entered_at).unwrap_or(self.now);
        let mut metrics = Vec::new();
        for key in keys {
            let rule = plan.rule(key).ok_or_else(|| Refusal::new(format!("the gate has no metric {key}")))?;
            metrics.push(match (&rule.pods, &rule.metric) {
                (Some(pods), _) => {
                    Measurement { metric: key.clone(), what: Measured::Pods { rule: pods.clone(), since: began } }
                }
                (None, Some(metric)) => self.run.measurement(id, key, metric, window).map_err(Refusal)?,
                (None, None) => continue,
            });
        }
        self.effect(Effect::Measure { ticket: self.ticket(id), slot, metrics });
        Ok(())
    }

    pub(super) fn gate_sample(&mut self, id: &StepId, metric: &str, slot: Timestamp, reading: &Reading) -> Ruled {
        let Some((plan, gate)) = self.run.gate(id) else { return Ok(()) };
        if !self.run.is_asked(id, metric, slot) || !plan.has_slot(gate, slot) {
            return Ok(()); // of a hold that was restarted
        }
        let reading = finite(reading);
        let verdict = plan.judge(metric, &reading);
        self.fact(Fact::GateSample {
            step: id.clone(),
            attempt: self.attempt(id),
            metric: metric.to_owned(),
            slot,
            reading,
            verdict,
        })
    }

    fn gate_over(&mut self, id: &StepId, verdict: StepResult, reasons: Vec<String>) -> Ruled {
        let attempt = self.attempt(id);
        let message = reasons.join("; ");
        self.fact(Fact::GateVerdict { step: id.clone(), attempt, verdict, reasons })?;
        let reason = (verdict != StepResult::Succeeded).then(|| verdict.word().to_owned());
        let done = Done { summary: message.clone(), ..Done::default() };
        self.outcome(id, verdict, End { reason, message: message.clone(), done, ..End::default() })?;
        let step = self.found(id)?.step.clone();
        let Action::Analysis(gate) = &step.action else { return Ok(()) };
        match (leads(gate, verdict), verdict) {
            (Some(goto), _) => self.goto(id, goto, &format!("{id}: {message}")),
            (None, StepResult::Succeeded) => self.go_on(id),
            (None, verdict) => self.on_failure(id, &step, verdict.word()),
        }
    }
}

/// Where the gate itself says that a verdict goes.
pub fn leads(gate: &Analysis, verdict: StepResult) -> Option<&Goto> {
    match verdict {
        StepResult::Succeeded => gate.on_successful.as_ref(),
        StepResult::Failed => gate.on_failed.as_ref(),
        StepResult::Inconclusive => gate.on_inconclusive.as_ref(),
        _ => gate.on_error.as_ref(),
    }
}

/// NaN and ±Inf are no data.
pub(super) fn finite(reading: &Reading) -> Reading {
    match reading {
        Reading::Value { value, .. } if !value.0.is_finite() => {
            Reading::NoData { why: format!("the query gives {}", value.0) }
        }
        Reading::Value { value, baseline, samples, baseline_samples } => {
            let finite = |number: &Option<Decimal>| number.filter(|number| number.0.is_finite());
            let (baseline, samples) = (finite(baseline), finite(samples));
            Reading::Value { value: *value, baseline, samples, baseline_samples: finite(baseline_samples) }
        }
        other => other.clone(),
    }
}
