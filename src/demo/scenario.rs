//! What can happen in a demo: an image, what goes wrong beside it, and what a person would say to it.

use clap::ValueEnum;
use jiff::SignedDuration;

use super::world::Outage;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// All goes well, up to everybody
    Healthy,
    /// The canary goes bad after a minute; the guard offers the way back
    #[default]
    BadImage,
    /// p95 is over a second; the gate fails
    Slow,
    /// Half a percent of errors: neither well nor failed, a person decides
    GreyZone,
    /// The canary crashes as it starts; its log, events and pod are looked at
    CrashLoop,
    /// Nothing of the canary can be scraped
    NoData,
    /// The API server is away for a while as the canary is watched
    ApiDown,
}

impl Scenario {
    /// As it is typed: `bad-image`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::BadImage => "bad-image",
            Self::Slow => "slow",
            Self::GreyZone => "grey-zone",
            Self::CrashLoop => "crash-loop",
            Self::NoData => "no-data",
            Self::ApiDown => "api-down",
        }
    }

    /// The image's tag; its last word is its fate.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Healthy | Self::ApiDown => "v1.5.0",
            Self::BadImage => "v1.5.0-bad",
            Self::Slow => "v1.5.0-slowp95",
            Self::GreyZone => "v1.5.0-grey",
            Self::CrashLoop => "v1.5.0-crash",
            Self::NoData => "v1.5.0-silent",
        }
    }

    /// The last word of its tag, where that is one.
    pub(super) fn fate(self) -> Option<&'static str> {
        self.tag().split_once('-').map(|(_, word)| word)
    }

    pub(super) fn outage(self) -> Option<Outage> {
        let (after, lasts) = (SignedDuration::from_secs(75), SignedDuration::from_secs(40));
        (self == Self::ApiDown).then_some(Outage { after, lasts })
    }

    /// What a headless demo says, as an answers file.
    pub fn answers(self) -> &'static str {
        match self {
            Self::Healthy => include_str!("answers/healthy.yaml"),
            Self::BadImage => include_str!("answers/bad-image.yaml"),
            Self::Slow => include_str!("answers/slow.yaml"),
            Self::GreyZone => include_str!("answers/grey-zone.yaml"),
            Self::CrashLoop => include_str!("answers/crash-loop.yaml"),
            Self::NoData => include_str!("answers/no-data.yaml"),
            Self::ApiDown => include_str!("answers/api-down.yaml"),
        }
    }
}
