//! The list of sessions: every filter, every page, and nothing of anyone else.

use super::*;

impl World {
    async fn numbers(&self, query: &str) -> Vec<u64> {
        let answer = self.api("GET", &format!("/v3/sessions/?{query}"), json!({})).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let rows = answer.json()["results"].as_array().unwrap().clone();
        rows.iter().map(|row| row["session_number"].as_u64().unwrap()).collect()
    }

    /// Seven sessions, a minute apart: 1 and 2 of `u-1`, 3 of `u-2`, 4 approved of `u-3`, 5 of another workflow, 6 and 7
    /// without a name.
    async fn with_seven() -> Self {
        let world = Self::new();
        let challenging = crate::kyc::workflow::Workflow::challenging(warifu_models::liveness::Method::Active3d).id;
        for body in [
            json!({ "vendor_data": "u-1" }),
            json!({ "vendor_data": "u-1", "workflow_id": challenging }),
            json!({ "vendor_data": "u-2" }),
            json!({ "vendor_data": "u-3" }),
            json!({ "workflow_id": challenging }),
            json!({}),
            json!({}),
        ] {
            let made = world.api("POST", "/v3/session/", body).await.json();
            if made["session_number"] == 4 {
                world.approve(made["session_token"].as_str().unwrap()).await;
            }
            world.hands.step(Duration::from_secs(60));
        }
        world
    }
}

#[tokio::test]
async fn every_filter_finds_its_own() {
    let world = World::with_seven().await;
    let challenging = crate::kyc::workflow::Workflow::challenging(warifu_models::liveness::Method::Active3d).id;
    let rows: &[(&str, &[u64])] = &[
        ("", &[7, 6, 5, 4, 3, 2, 1]),
        ("session_kind=user&unknown=1", &[7, 6, 5, 4, 3, 2, 1]),
        ("session_kind=business", &[]),
        ("vendor_data=u-1", &[2, 1]),
        ("vendor_data=U-1", &[]),
        ("status=APPROVED", &[4]),
        ("status=Approved", &[4]),
        ("status=NOT_STARTED,Approved", &[7, 6, 5, 4, 3, 2, 1]),
        ("status=In%20Review", &[]),
        (&format!("workflow_id={challenging}"), &[5, 2]),
        (&format!("workflow_id={challenging}&vendor_data=u-1"), &[2]),
        ("workflow_id=wf_first_verification", &[7, 6, 5, 4, 3, 2, 1]),
        ("country=UTO", &[4]),
        ("country=uto&status=Declined", &[]),
        ("country=ESP", &[]),
        ("date_from=2026-11-22T10:02:00Z", &[7, 6, 5, 4, 3]),
        ("date_from=2026-11-22&date_to=2026-11-22", &[7, 6, 5, 4, 3, 2, 1]),
        ("date_to=2026-11-21", &[]),
        ("date_from=2026-11-22T10:02:00Z&date_to=2026-11-22T10:04:00Z&vendor_data=u-2", &[3]),
        ("search=eriksson", &[4]),
        ("search=Anna%20Maria%20Eriksson", &[4]),
        ("search=erik", &[]),
        ("search=L898902C3", &[4]),
        ("search=6", &[6]),
        ("search=u-2", &[3]),
        ("limit=2", &[7, 6]),
        ("limit=2&offset=3", &[4, 3]),
        ("limit=0&offset=6", &[1]),
        ("offset=100", &[]),
        ("status=Not%20Started&limit=2&offset=2", &[5, 3]),
    ];
    for (query, expected) in rows {
        assert_eq!(world.numbers(query).await, *expected, "{query}");
    }
    let row = world.api("GET", "/v3/sessions?country=UTO", json!({})).await.json()["results"][0].clone();
    assert_eq!(row["full_name"], "ANNA MARIA ERIKSSON");
    assert_eq!((&row["country"], &row["document_type"]), (&json!("UTO"), &json!("Passport")));
    assert_eq!(row["features"][0]["feature"], "ID_VERIFICATION");
    let id = row["session_id"].as_str().unwrap();
    assert_eq!(world.numbers(&format!("search={id}")).await, [4]);
    assert_eq!(world.numbers(&format!("search={id}&status=Declined")).await, [0; 0]);
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end() {
    let world = World::with_seven().await;
    for query in ["limit=3", "limit=3&status=Approved,Not%20Started", "limit=3&workflow_id=wf_first_verification"] {
        let mut path = format!("/v3/sessions/?{query}");
        let mut seen = Vec::new();
        for page in 0..3 {
            let answer = world.api("GET", &path, json!({})).await.json();
            assert_eq!((&answer["count"], &answer["count_is_exact"]), (&json!(7), &json!(true)), "{path}");
            assert_eq!(answer["previous"].is_null(), page == 0, "{path}");
            seen.extend(
                answer["results"].as_array().unwrap().iter().map(|row| row["session_number"].as_u64().unwrap()),
            );
            match answer["next"].as_str() {
                Some(next) => path = next.strip_prefix("http://127.0.0.1:7001").unwrap().to_owned(),
                None => assert_eq!(page, 2, "{path}"),
            }
        }
        assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1], "{query}");
    }
}

#[tokio::test]
async fn what_is_over_is_listed_as_over() {
    let world = World::with_seven().await;
    world.hands.step(Duration::from_secs(8 * 86_400));
    assert_eq!(world.numbers("status=Not%20Started").await, [0; 0]);
    assert_eq!(world.numbers("status=EXPIRED").await, [7, 6, 5, 3, 2, 1]);
    assert_eq!(world.numbers("status=Approved").await, [4]);
}

#[tokio::test]
async fn nothing_personal_stands_open() {
    let world = World::with_seven().await;
    let sessions = world.issuer.sessions().collect(warifu_store::Query::all()).await.unwrap();
    for session in &sessions {
        let text = serde_json::to_string(&session.value).unwrap();
        for personal in ["ERIKSSON", "eriksson", "UTO", "L898902C3"] {
            assert!(!text.contains(personal), "{personal}");
        }
    }
}

#[tokio::test]
async fn what_was_erased_is_listed_no_more() {
    let world = World::with_seven().await;
    let stranger = world.api_as("nobody", "GET", "/v3/sessions/", json!({})).await;
    assert_eq!(stranger.status, 403);
    let bulk = async |body: Value| world.api("POST", "/v3/sessions/delete/", body).await;
    for bad in
        [json!({}), json!({ "session_numbers": 7 }), json!({ "session_numbers": ["x"] }), json!({ "delete_all": 1 })]
    {
        assert_eq!(bulk(bad.clone()).await.status, 400, "{bad}");
    }
    assert_eq!(bulk(json!({ "session_numbers": [4, 5, 99] })).await.json()["deleted"], 2);
    assert_eq!(world.numbers("").await, [7, 6, 3, 2, 1]);
    assert_eq!(world.numbers("search=eriksson").await, [0; 0]);
    assert_eq!(bulk(json!({ "delete_all": true })).await.json()["deleted"], 5);
    assert_eq!(world.numbers("").await, [0; 0]);
}

#[tokio::test]
async fn bad_questions() {
    let world = World::new();
    for (query, field) in [
        ("limit=x", "limit"),
        ("offset=-1", "offset"),
        ("offset=10001", "offset"),
        ("after=zzz", "after"),
        ("status=Fine", "status"),
        ("session_kind=robot", "session_kind"),
        ("workflow_id=7", "workflow_id"),
        ("country=Spain", "country"),
        ("date_from=yesterday", "date_from"),
        ("date_to=2026-13-01", "date_to"),
        (&format!("search={}", "x".repeat(300)), "search"),
        (&format!("vendor_data={}", "x".repeat(300)), "vendor_data"),
    ] {
        let answer = world.api("GET", &format!("/v3/sessions/?{query}"), json!({})).await;
        assert_eq!((answer.status, answer.json()[field].is_array()), (400, true), "{query}: {}", answer.text());
    }
}
