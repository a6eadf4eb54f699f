//! The XMP packet of a photo.
//!
//! Source of names: ISO 16684-1 and Adobe's XMP specification, part 2 (`xmp`, `xmpMM`).

use std::fmt::Write;

use jiff::Zoned;
use jiff::fmt::temporal::DateTimePrinter;

use super::markup::escape;
use super::{PhotoMetadata, TEXT_LIMIT};

/// What the payload of an APP1 segment with XMP begins with.
pub(super) const SIGNATURE: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// The namespace of our own values.
pub(super) const NAMESPACE: &str = "https://latentphoto.org/ns/1.0/";
/// The namespace of media management, which holds the instance's id.
pub(super) const MEDIA_MANAGEMENT: &str = "http://ns.adobe.com/xap/1.0/mm/";

/// The payload of the APP1 segment that holds the photo's XMP, its signature included.
pub fn xmp(photo: &PhotoMetadata) -> Vec<u8> {
    let document = format!("xmp.did:{}", photo.asset_id);
    let date = date_text(&photo.captured_at);
    let yes_no = |yes: bool| if yes { "True" } else { "False" };
    let mut values = vec![
        ("xmp:CreateDate", date.clone()),
        ("xmp:ModifyDate", date),
        ("xmp:CreatorTool", limited(&photo.software)),
        ("xmpMM:DocumentID", document.clone()),
        ("xmpMM:OriginalDocumentID", document),
        ("xmpMM:InstanceID", format!("xmp.iid:{}", photo.instance_id)),
        ("latent:id", photo.asset_id.to_string()),
        ("latent:library", photo.library_id.to_string()),
        ("latent:generation", photo.generation.to_string()),
        ("latent:quality", photo.quality.to_string()),
        ("latent:state", photo.state.to_string()),
        ("latent:syncOk", yes_no(photo.sync_ok()).to_owned()),
    ];
    values.extend(photo.tier.map(|tier| ("latent:tier", tier.to_string())));
    values.extend(photo.reason.as_deref().map(|reason| ("latent:reason", limited(reason))));
    values.extend(photo.simulated.then(|| ("latent:simulated", yes_no(true).to_owned())));

    let mut packet = format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n\
         <rdf:Description rdf:about=\"\"\n \
         xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n \
         xmlns:xmpMM=\"{MEDIA_MANAGEMENT}\"\n \
         xmlns:latent=\"{NAMESPACE}\""
    );
    for (name, value) in values {
        // Writing to a string does not fail.
        let _ = write!(packet, "\n {name}=\"{}\"", escape(&value));
    }
    packet.push_str("/>\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>");

    let mut payload = SIGNATURE.to_vec();
    payload.extend(packet.as_bytes());
    payload
}

fn limited(text: &str) -> String {
    text.chars().take(TEXT_LIMIT).collect()
}

/// ISO 8601 with milliseconds and the offset.
fn date_text(time: &Zoned) -> String {
    DateTimePrinter::new()
        .precision(Some(3))
        .timestamp_with_offset_to_string(&time.timestamp(), time.offset())
}
