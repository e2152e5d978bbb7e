use introspectd_plan::Fleet;

/// Poisson arrivals of requests about tokens whose popularity follows Zipf's law.
pub(crate) struct Workload {
    random: fastrand::Rng,
    rate: f64,
    replicas: usize,
    now: f64,
    /// Share of requests about tokens up to each one.
    cumulated: Vec<f64>,
}

/// Request about the token of this rank, from 0, at this second.
pub(crate) struct Request {
    pub(crate) at: f64,
    pub(crate) token: usize,
    pub(crate) replica: usize,
}

impl Workload {
    pub(crate) fn new(fleet: &Fleet, seed: u64) -> Self {
        let mut cumulated: Vec<f64> = (1..=fleet.tokens)
            .map(|rank| (rank as f64).powf(-fleet.zipf))
            .scan(0.0, |sum, power| {
                *sum += power;
                Some(*sum)
            })
            .collect();
        let total = *cumulated.last().unwrap();
        cumulated.iter_mut().for_each(|share| *share /= total);
        Self {
            random: fastrand::Rng::with_seed(seed),
            rate: fleet.rate,
            replicas: usize::try_from(fleet.replicas).unwrap(),
            now: 0.0,
            cumulated,
        }
    }

    pub(crate) fn next(&mut self) -> Request {
        self.now -= (1.0 - self.random.f64()).ln() / self.rate;
        let drawn = self.random.f64();
        let token = self.cumulated.partition_point(|share| *share <= drawn);
        Request {
            at: self.now,
            token: token.min(self.cumulated.len() - 1),
            replica: self.random.usize(..self.replicas),
        }
    }
}
