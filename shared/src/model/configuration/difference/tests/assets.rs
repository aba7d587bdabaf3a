//! Images and other bytes are named by size and digest.

use super::*;

/// 3 bytes each.
const ICON: &str = "3 bytes, SHA-256 cf7605ed1bc7…";
const OTHER_ICON: &str = "3 bytes, SHA-256 f31b2b6ef48d…";
const LOGO: &str = "8 bytes, SHA-256 4c4b6a3be131…";

#[test]
fn a_changed_asset_is_shown_by_its_size_and_digest() {
    let other = changed(|pool| {
        pool["branding"][0]["Assets"][0]["Bytes"] = json!("AAAD");
        pool["uiCustomizations"][0]["ImageFile"] = json!("AAAB");
    });
    let expected = json!([
        {"object": "uiCustomizations/ALL", "field": "ImageFile", "change": "changed", "old": LOGO, "new": ICON},
        {
            "object": "branding/web", "field": "Assets[FAVICON_ICO, DYNAMIC].Bytes", "change": "changed",
            "old": ICON, "new": OTHER_ICON,
        },
    ]);
    assert_eq!(differences(&document(), &other), expected);
}

#[test]
fn an_added_or_removed_object_shows_no_bytes() {
    let removed = changed(|pool| pool["branding"] = json!([]));
    let found = differences(&document(), &removed);
    let assets = found[0]["old"]["Assets"].as_array().unwrap();
    assert!(assets.iter().any(|asset| asset["Bytes"] == ICON), "{found}");
    let fewer = changed(|pool| {
        pool["branding"][0]["Assets"].as_array_mut().unwrap().remove(0);
    });
    let found = differences(&document(), &fewer);
    assert_eq!(found[0]["field"], "Assets[FAVICON_ICO, DYNAMIC]");
    assert_eq!(found[0]["old"]["Bytes"], ICON);
    let no_look = changed(|pool| pool["uiCustomizations"] = json!([]));
    assert_eq!(differences(&no_look, &document())[0]["new"]["ImageFile"], LOGO);
    for found in [differences(&document(), &removed), differences(&document(), &fewer)] {
        assert!(!found.to_string().contains("AAAB"), "{found}");
    }
}

#[test]
fn bytes_without_padding_are_the_same_bytes() {
    let unpadded = changed(|pool| pool["uiCustomizations"][0]["ImageFile"] = json!("iVBORw0KGgo"));
    assert_eq!(differences(&document(), &unpadded), json!([]));
    let no_base64 = changed(|pool| pool["uiCustomizations"][0]["ImageFile"] = json!("%%"));
    assert_eq!(
        differences(&document(), &no_base64)[0]["new"],
        "2 characters of text that is no base64, SHA-256 3a6e1a1b946b…"
    );
}

#[test]
fn an_added_image_whose_bytes_were_not_captured_is_a_difference_without_values() {
    let with_url =
        changed(|pool| pool["uiCustomizations"][1]["ImageUrl"] = json!("https://example.com/logo"));
    for (old, new, change) in [(&document(), &with_url, "added"), (&with_url, &document(), "removed")] {
        let expected = json!([{"object": "uiCustomizations/web", "field": "ImageFile", "change": change}]);
        assert_eq!(differences(old, new), expected);
    }
    // A client that has only an image.
    let only_url = changed(|pool| {
        pool["uiCustomizations"] = json!([{"ClientId": "2mobile", "ImageUrl": "https://example.com/logo"}]);
    });
    let none = changed(|pool| pool["uiCustomizations"] = json!([]));
    assert_eq!(differences(&none, &only_url)[0]["object"], "uiCustomizations/mobile");
}

#[test]
fn images_of_which_neither_side_has_the_bytes_are_not_compared() {
    let not_fetched = changed(|pool| pool["uiCustomizations"][0]["ImageFile"] = Value::Null);
    let found = difference(&not_fetched, &not_fetched);
    let expected = json!([
        {"object": "uiCustomizations/ALL", "field": "ImageFile", "reason": "notReadable", "side": "old"},
        {"object": "uiCustomizations/ALL", "field": "ImageFile", "reason": "notReadable", "side": "new"},
    ]);
    assert_eq!((json!(found.not_compared), found.same), (expected, true));
}
