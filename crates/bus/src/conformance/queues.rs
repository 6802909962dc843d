//! What a road promises of its queues: order, limits, leases.

use std::collections::BTreeMap;

use alt::{Json, Priority, TaskIndex};
use tokio::time::{sleep, timeout};

use super::{QUIET, SOON, begin, never, offer, soon, verdict};
use crate::{Bus, Claim, Error};

pub(super) async fn exercise<B: Bus, F: AsyncFn() -> B>(make: &F) {
    offers_come_by_priority_and_once(&make().await).await;
    a_queue_never_hands_out_more_than_its_limit(&make().await).await;
    a_limit_is_changed_while_offers_wait(&make().await).await;
    a_dropped_claim_returns_after_its_lease(&make().await).await;
    deaths_are_counted_and_hand_backs_are_not(&make().await).await;
    a_heartbeat_keeps_a_claim(&make().await).await;
    a_released_offer_returns_at_once(&make().await).await;
    offers_are_outstanding_until_they_are_acked(&make().await).await;
}

async fn offers_come_by_priority_and_once<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", None).await;
    let ranks = [Priority::Low, Priority::Medium, Priority::Critical, Priority::High];
    let offers = ranks.iter().zip(0..).map(|(p, i)| offer(run, i, epoch, "q", *p));
    let offers: Vec<_> = offers.collect();
    soon("dispatch", bus.dispatch(epoch, &offers)).await;
    soon("dispatch again", bus.dispatch(epoch, &offers)).await;
    let queues = ["q".to_owned()];
    for expected in [2, 3, 1, 0] {
        let claim = soon("claim", bus.claim(&queues)).await;
        assert_eq!(claim.offer().task, TaskIndex(expected), "priority order");
        assert_eq!(claim.deliveries(), 1);
        soon("ack", claim.ack()).await;
    }
    never("an offer handed out twice", bus.claim(&queues)).await;
}

async fn a_queue_never_hands_out_more_than_its_limit<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", Some(2)).await;
    let offers = (0..3).map(|i| offer(run, i, epoch, "q", Priority::Medium));
    let offers: Vec<_> = offers.collect();
    soon("dispatch", bus.dispatch(epoch, &offers)).await;
    let queues = ["q".to_owned()];
    let first = soon("first seat", bus.claim(&queues)).await;
    let second = soon("second seat", bus.claim(&queues)).await;
    never("a third seat of two", bus.claim(&queues)).await;
    assert!(second.seat_wait() < QUIET, "nobody waited for a seat that was free");
    soon("ack", first.ack()).await;
    let third = soon("a freed seat", bus.claim(&queues)).await;
    // It was wanted in vain for as long as nothing came; a desk hears late that nobody wants it.
    assert!(third.seat_wait() >= QUIET / 2, "waited {:?} for a seat", third.seat_wait());
    soon("ack", second.ack()).await;
    soon("ack", third.ack()).await;
}

async fn a_limit_is_changed_while_offers_wait<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", Some(1)).await;
    let offers = (0..4).map(|i| offer(run, i, epoch, "q", Priority::Medium));
    let offers: Vec<_> = offers.collect();
    soon("dispatch", bus.dispatch(epoch, &offers)).await;
    let queues = ["q".to_owned()];
    let first = soon("the only seat", bus.claim(&queues)).await;
    never("a second seat of one", bus.claim(&queues)).await;
    soon("more seats", bus.declare(&BTreeMap::from([("q".to_owned(), Some(2))]))).await;
    let second = soon("the new seat", bus.claim(&queues)).await;
    soon("fewer seats", bus.declare(&BTreeMap::from([("q".to_owned(), Some(1))]))).await;
    soon("ack", second.ack()).await;
    let lease = first.lease().length;
    soon("ack", first.ack()).await;
    // Who sat there may sit there for a while; after a lease nobody does.
    sleep(lease).await;
    let third = soon("the seat that is left", bus.claim(&queues)).await;
    never("a seat that was taken away", bus.claim(&queues)).await;
    soon("ack", third.ack()).await;
}

async fn a_dropped_claim_returns_after_its_lease<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", Some(1)).await;
    soon("dispatch", bus.dispatch(epoch, &[offer(run, 0, epoch, "q", Priority::Medium)])).await;
    let queues = ["q".to_owned()];
    let claim = soon("claim", bus.claim(&queues)).await;
    let lease = claim.lease().length;
    drop(claim);
    never("a dead worker's offer before its lease is over", bus.claim(&queues)).await;
    let again = timeout(lease + SOON, bus.claim(&queues)).await;
    let again = again.ok().and_then(Result::ok).unwrap_or_else(|| panic!("the offer was lost"));
    assert!(again.deliveries() > 1, "a second delivery says so");
    soon("ack", again.ack()).await;
}

async fn deaths_are_counted_and_hand_backs_are_not<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", None).await;
    soon("dispatch", bus.dispatch(epoch, &[offer(run, 0, epoch, "q", Priority::Medium)])).await;
    let queues = ["q".to_owned()];
    let claim = soon("claim", bus.claim(&queues)).await;
    let lease = claim.lease().length;
    drop(claim);
    sleep(lease + QUIET).await;
    for lost in 1..=2 {
        soon("release", soon("claim again", bus.claim(&queues)).await.release()).await;
        let claim = soon("claim and begin", bus.claim(&queues)).await;
        assert_eq!(soon("lost", claim.lost()).await, lost, "deaths so far");
        soon("begin", claim.begin_again()).await;
        drop(claim);
        sleep(lease + QUIET).await;
    }
    let claim = soon("claim after three deaths", bus.claim(&queues)).await;
    assert_eq!(soon("lost", claim.lost()).await, 3);
    drop(claim);
    sleep(lease + QUIET).await;
    let claim = soon("claim after the death of one who never began", bus.claim(&queues)).await;
    assert_eq!(soon("lost", claim.lost()).await, 3);
    assert!(!soon("decided", claim.is_decided(claim.offer().key())).await);
    soon("record", bus.record("q", verdict(claim.offer().key(), 0))).await;
    assert!(soon("decided", claim.is_decided(claim.offer().key())).await, "there is a verdict");
    soon("ack", claim.ack()).await;
}

async fn a_heartbeat_keeps_a_claim<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", None).await;
    soon("dispatch", bus.dispatch(epoch, &[offer(run, 0, epoch, "q", Priority::Medium)])).await;
    let queues = ["q".to_owned()];
    let claim = soon("claim", bus.claim(&queues)).await;
    for _ in 0..4 {
        sleep(claim.lease().length / 2).await;
        soon("extend", claim.extend()).await;
    }
    never("a live worker's offer", bus.claim(&queues)).await;
    sleep(claim.lease().length * 2).await;
    let late = claim.extend().await;
    assert!(matches!(late, Err(Error::LeaseLost)), "a dead lease was renewed: {late:?}");
}

async fn a_released_offer_returns_at_once<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", None).await;
    soon("dispatch", bus.dispatch(epoch, &[offer(run, 0, epoch, "q", Priority::Medium)])).await;
    let queues = ["q".to_owned()];
    soon("release", soon("claim", bus.claim(&queues)).await.release()).await;
    let again = soon("claim again", bus.claim(&queues)).await;
    assert_eq!(again.offer().task, TaskIndex(0));
    assert_eq!(again.offer().parameters.as_ref().map(Json::text), Some("{\"big\":1e400}"));
}

async fn offers_are_outstanding_until_they_are_acked<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", None).await;
    assert_eq!(soon("outstanding", bus.outstanding(run)).await, []);
    let offers = [0, 1].map(|task| offer(run, task, epoch, "q", Priority::Medium));
    soon("dispatch", bus.dispatch(epoch, &offers)).await;
    let claim = soon("claim", bus.claim(&["q".to_owned()])).await;
    let mut there = soon("outstanding under lease", bus.outstanding(run)).await;
    there.sort_unstable_by_key(|offer| offer.task);
    assert_eq!(there, offers);
    let other = 1 - claim.offer().task.get();
    soon("ack", claim.ack()).await;
    // The ack is stored before each copy of the stream has let the message go.
    let gone = async {
        while bus.outstanding(run).await? != [offers[other].clone()] {
            sleep(SOON / 500).await;
        }
        Ok(())
    };
    soon("the other is outstanding alone after an ack", gone).await;
}
