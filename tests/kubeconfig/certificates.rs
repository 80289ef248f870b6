//! The certificates of the API server and of its users.

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A chain and the key of its first certificate.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// In PEM.
pub struct Certificates {
    pub authority: String,
    pub other_authority: String,
    pub signed: Pair,
    /// Signed by an authority that the server sends along.
    pub with_intermediate: Pair,
    /// Signed by itself, and an authority.
    pub self_signed_authority: Pair,
    /// Signed by itself, and no authority.
    pub self_signed: Pair,
}

pub struct Pair {
    pub certificates: String,
    pub key: String,
}

impl Pair {
    pub fn identity(&self) -> Result<Identity> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.certificates.as_bytes()).collect();
        Ok((chain?, PrivateKeyDer::from_pem_slice(self.key.as_bytes())?))
    }
}

fn named(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}

fn authority(name: &str) -> CertificateParams {
    let mut parameters = named(name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters
}

fn server() -> Result<CertificateParams> {
    let names = ["localhost", "api.test", "127.0.0.1", "0.0.0.0", "::1"].map(str::to_owned);
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters)
}

impl Certificates {
    pub fn create() -> Result<Self> {
        let (root, root_key) = (authority("authority"), KeyPair::generate()?);
        let root_pem = root.self_signed(&root_key)?.pem();
        let root = Issuer::new(root, root_key);
        let signed_by = |issuer: &Issuer<'_, KeyPair>| -> Result<Pair> {
            let key = KeyPair::generate()?;
            let certificates = server()?.signed_by(&key, issuer)?.pem();
            Ok(Pair { certificates, key: key.serialize_pem() })
        };
        let self_signed = |parameters: CertificateParams| -> Result<Pair> {
            let key = KeyPair::generate()?;
            Ok(Pair { certificates: parameters.self_signed(&key)?.pem(), key: key.serialize_pem() })
        };
        let (intermediate, intermediate_key) = (authority("intermediate"), KeyPair::generate()?);
        let intermediate_pem = intermediate.signed_by(&intermediate_key, &root)?.pem();
        let mut with_intermediate = signed_by(&Issuer::new(intermediate, intermediate_key))?;
        with_intermediate.certificates += &intermediate_pem;
        let mut server_authority = server()?;
        server_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self {
            authority: root_pem,
            other_authority: self_signed(authority("another authority"))?.certificates,
            signed: signed_by(&root)?,
            with_intermediate,
            self_signed_authority: self_signed(server_authority)?,
            self_signed: self_signed(server()?)?,
        })
    }
}

/// Keys that rcgen does not make: RSA, and the older forms.
const RSA_PKCS8: &str = include_str!("keys/rsa.pkcs8.pem");
const RSA_PKCS1: &str = include_str!("keys/rsa.pkcs1.pem");
const EC_PKCS8: &str = include_str!("keys/ec.pkcs8.pem");
const EC_SEC1: &str = include_str!("keys/ec.sec1-with-parameters.pem");

/// The certificate of a user with a key of this kind, whose name is the kind.
pub fn of_user(kind: &str) -> Result<Pair> {
    let (pkcs8, key) = match kind {
        "RSA, PKCS#1" => (KeyPair::from_pem(RSA_PKCS8)?, RSA_PKCS1.to_owned()),
        "RSA, PKCS#8" => (KeyPair::from_pem(RSA_PKCS8)?, RSA_PKCS8.to_owned()),
        "EC, SEC1 with parameters" => (KeyPair::from_pem(EC_PKCS8)?, EC_SEC1.to_owned()),
        "EC, SEC1" => {
            let begin = EC_SEC1.find("-----BEGIN EC PRIVATE KEY-----").unwrap_or_default();
            (KeyPair::from_pem(EC_PKCS8)?, EC_SEC1[begin..].to_owned())
        }
        "EC, PKCS#8" => (KeyPair::from_pem(EC_PKCS8)?, EC_PKCS8.to_owned()),
        "EC P-384" => generated(&PKCS_ECDSA_P384_SHA384)?,
        "Ed25519" => generated(&PKCS_ED25519)?,
        _ => anyhow::bail!("no such kind of key: {kind}"),
    };
    Ok(Pair { certificates: named(kind).self_signed(&pkcs8)?.pem(), key })
}

fn generated(algorithm: &'static rcgen::SignatureAlgorithm) -> Result<(KeyPair, String)> {
    let key = KeyPair::generate_for(algorithm)?;
    let pem = key.serialize_pem();
    Ok((key, pem))
}

/// The common name of a certificate's subject, which comes after that of its issuer.
pub fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    const ID_OF_COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    let at = certificate.windows(3).rposition(|part| part == ID_OF_COMMON_NAME)?;
    let [_, length, text @ ..] = certificate.get(at + 3..)? else { return None };
    Some(String::from_utf8_lossy(text.get(..usize::from(*length))?).into_owned())
}
