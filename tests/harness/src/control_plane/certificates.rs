//! A certificate authority for one cluster, because rustls refuses a self-signed certificate as its own authority.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

/// The certificates and keys in PEM.
pub(super) struct Certificates {
    pub(super) ca: String,
    pub(super) server: String,
    pub(super) server_key: String,
}

impl Certificates {
    pub(super) fn create(address: Ipv4Addr) -> Result<Self> {
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "jobsweep test authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let ca_key = KeyPair::generate()?;
        let ca_cert = ca.self_signed(&ca_key)?;

        let mut server = CertificateParams::new(["localhost".into(), "kubernetes.default.svc".into()])?;
        server.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(address)));
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_key = KeyPair::generate()?;
        let server_cert = server.signed_by(&server_key, &Issuer::new(ca, ca_key))?;

        Ok(Self { ca: ca_cert.pem(), server: server_cert.pem(), server_key: server_key.serialize_pem() })
    }
}

/// The private key that signs ServiceAccount tokens and the public key that verifies them, in PEM.
pub(super) fn signing_keys() -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}
