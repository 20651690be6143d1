"""Signatures of every platform: the vectors of the reference, and rules that need no reference.

Expected values without a vector were made with md5sum, sha256sum and openssl, not with this code.
"""

import base64
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.errors import ContractError, InputError, PermanentError
from connectors.sinks import chat_signing
from connectors.sources.aftership import signing as aftership
from connectors.sources.alipay import signing as alipay
from connectors.sources.cainiao import signing as cainiao
from connectors.sources.douyin import signing as douyin
from connectors.sources.jd import signing as jd
from connectors.sources.kuaidi100 import signing as kuaidi100
from connectors.sources.pdd import signing as pdd
from connectors.sources.seventeen_track import signing as seventeen_track
from connectors.sources.sf_express import signing as sf_express
from connectors.sources.shopify import signing as shopify
from connectors.sources.stripe import signing as stripe
from connectors.sources.taobao import signing as taobao
from connectors.sources.wechat_pay import signing as wechat_pay
from connectors.sources.woocommerce import signing as woocommerce

Vector = dict[str, Any]
Keys = SimpleNamespace  # private and public: PEM texts

DOUYIN_KEY = "3409409348479354011"
DOUYIN_SECRET = "2ad2355c-01d0-11f9-91dc-05a8cd1054b1"
JD_PARAMETERS = {
    "360buy_param_json": (
        '{"end_date":null,"optional_fields":null,"order_state":"WAIT_SELLER_STOCK_OUT",'
        '"page":"1","page_size":"200","start_date":null}'
    ),
    "access_token": "yourtoken",
    "app_key": "yourappkey",
    "method": "jingdong.pop.order.search",
    "timestamp": "2021-05-07 09:20:39.683+0800",
    "v": "2.0",
}
SIGNED_AT = datetime.fromtimestamp(1718676000, UTC)


@pytest.fixture(scope="module")
def vectors(reference: Path) -> dict[str, Vector]:
    """The vectors of the reference by their id."""
    path = reference / "fixtures" / "vectors" / "signature_vectors.json"
    return {vector["id"]: vector for vector in json.loads(path.read_text(encoding="utf-8"))}


@pytest.fixture(scope="module")
def vector_keys(reference: Path) -> Keys:
    """The throwaway key pair of the vectors, and the folder that their files are named from."""
    folder = reference / "fixtures" / "vectors"
    return Keys(
        private=(folder / "test_only_rsa2048_private.pem").read_text(encoding="ascii"),
        public=(folder / "test_only_rsa2048_public.pem").read_text(encoding="ascii"),
        fixtures=reference / "fixtures",
    )


@pytest.fixture(scope="module")
def keys() -> Keys:
    """A key pair of this test run."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Keys(private=private.decode(), public=public.decode())


def _taobao(vector: Vector, _keys: Keys) -> str:
    inputs = dict(vector["inputs"])
    secret = inputs.pop("secret")
    return taobao.sign(inputs, secret, inputs["sign_method"])


def _pdd(vector: Vector, _keys: Keys) -> str:
    inputs = dict(vector["inputs"])
    secret = inputs.pop("client_secret")
    return pdd.sign(inputs, secret)


def _douyin(vector: Vector, _keys: Keys) -> str:
    inputs = vector["inputs"]
    return douyin.sign(
        inputs["app_key"],
        inputs["app_secret"],
        inputs["method"],
        douyin.canonical_json(json.loads(inputs["param_json"])),
        inputs["timestamp"],
    )


def _kuaidi100_push(vector: Vector, keys: Keys) -> str:
    param = (keys.fixtures / vector["inputs"]["param_file"]).read_bytes().decode("utf-8")
    return kuaidi100.push_signature(param, vector["inputs"]["salt"])


def _shopify_callback(vector: Vector, _keys: Keys) -> str:
    query = dict(parse_qsl(vector["string_to_sign"])) | {"hmac": vector["expected"]}
    return shopify.callback_signature(query, vector["inputs"]["secret"])


def _stripe(vector: Vector, _keys: Keys) -> str:
    timestamp, _, body = vector["string_to_sign"].partition(".")
    return stripe.webhook_signature(body.encode(), vector["inputs"]["secret"], int(timestamp))


def _alipay(vector: Vector, keys: Keys) -> str:
    notify = vector["id"] == "alipay-rsa2-notify"
    parameters = vector["inputs"] | {"sign": "not signed"}
    text = alipay.string_to_sign(parameters, notify=notify)
    assert text == vector["string_to_sign"]
    assert alipay.verify(text, vector["expected"], keys.public)
    return alipay.sign(text, keys.private)


def _wechat_pay_request(vector: Vector, keys: Keys) -> str:
    inputs = vector["inputs"]
    method, path, _ = vector["string_to_sign"].split("\n", 2)
    message = wechat_pay.request_message(
        method, path, inputs["timestamp"], inputs["nonce_str"], b""
    )
    assert message.decode() == vector["string_to_sign"]
    return wechat_pay.sign(message, keys.private)


def _wechat_pay_response(vector: Vector, keys: Keys) -> str:
    timestamp, nonce, _ = vector["string_to_sign"].split("\n", 2)
    body = vector["inputs"]["body"].encode()
    message = wechat_pay.response_message(timestamp, nonce, body)
    assert message.decode() == vector["string_to_sign"]
    assert wechat_pay.verify(message, vector["expected"], keys.public)
    return wechat_pay.sign(message, keys.private)


def _wechat_pay_resource(vector: Vector, _keys: Keys) -> str:
    inputs = vector["inputs"]
    key, nonce = inputs["apiv3_key"].encode(), inputs["nonce"]
    plain = wechat_pay.decrypt_resource(key, nonce, vector["expected"], inputs["associated_data"])
    assert plain.decode() == inputs["plaintext"]
    return _encrypt(key, nonce, inputs["plaintext"].encode(), inputs["associated_data"])


def _body(sign: Callable[[bytes, str], str]) -> Callable[[Vector, Keys], str]:
    return lambda v, _keys: sign(v["inputs"]["body"].encode(), v["inputs"]["secret"])


# How each vector of the file is run against the real functions.
RUNS: dict[str, Callable[[Vector, Keys], str]] = {
    "top-md5-official": _taobao,
    "top-increment-md5": _taobao,
    "top-increment-hmac": _taobao,
    "top-increment-hmac-sha256": _taobao,
    "jd-official": lambda _v, _keys: jd.sign(JD_PARAMETERS, "yourappSecret"),
    "pdd-official": _pdd,
    "douyin-hmac-sha256": _douyin,
    "douyin-push-event-sign": lambda v, _keys: douyin.push_signature(
        DOUYIN_KEY, DOUYIN_SECRET, v["inputs"]["body"].encode()
    ),
    "sf-msgDigest": lambda v, _keys: sf_express.sign(
        v["inputs"]["msgData"], v["inputs"]["timestamp"], v["inputs"]["checkWord"]
    ),
    "kuaidi100-query": lambda v, _keys: kuaidi100.sign(
        v["inputs"]["param"], v["inputs"]["key"], v["inputs"]["customer"]
    ),
    "kuaidi100-push-masked": _kuaidi100_push,
    "cainiao-link": lambda v, _keys: cainiao.sign(
        v["inputs"]["logistics_interface"], v["inputs"]["key"]
    ),
    "17track-webhook": lambda v, _keys: seventeen_track.push_signature(
        v["inputs"]["body"].encode(), v["inputs"]["key"]
    ),
    "aftership-webhook": _body(aftership.push_signature),
    "shopify-oauth": _shopify_callback,
    "shopify-webhook": _body(shopify.webhook_signature),
    "woo-webhook": _body(woocommerce.webhook_signature),
    "stripe-webhook": _stripe,
    "alipay-rsa2-request": _alipay,
    "alipay-rsa2-notify": _alipay,
    "wechatpay-v3-request": _wechat_pay_request,
    "wechatpay-v3-response": _wechat_pay_response,
    "wechatpay-v3-aes-gcm": _wechat_pay_resource,
    "dingtalk-robot": lambda v, _keys: chat_signing.dingtalk_sign(
        v["inputs"]["secret"], int(v["inputs"]["timestamp_ms"])
    ),
    "feishu-bot": lambda v, _keys: chat_signing.feishu_sign(
        v["inputs"]["secret"], int(v["inputs"]["timestamp_s"])
    ),
}


@pytest.mark.parametrize("vector_id", RUNS)
def test_vector_is_reproduced(
    vector_id: str, vectors: dict[str, Vector], vector_keys: Keys
) -> None:
    vector = vectors[vector_id]
    assert RUNS[vector_id](vector, vector_keys) == vector["expected"]


def test_every_vector_of_the_file_is_run(vectors: dict[str, Vector]) -> None:
    assert set(vectors) == set(RUNS)
    assert len(RUNS) == 25


# Taobao


def test_taobao_leaves_out_empty_parameters_and_the_signature_itself() -> None:
    parameters = {"method": "m", "app_key": "1", "fields": "标题,价格"}
    noise = {"session": "", "": "no key", "sign": "OLD"}
    for method in ("md5", "hmac", "hmac-sha256"):
        assert taobao.sign(parameters | noise, "s", method) == taobao.sign(parameters, "s", method)


@pytest.mark.parametrize(
    ("method", "secret", "expected"),
    [
        ("md5", "helloworld", "7D146EEAB47A9163BC67B5622BEC6A82"),
        ("hmac", "密钥", "BDA6F88C6A5BC0DC35A3EADD0E265239"),
        (
            "hmac-sha256",
            "密钥",
            "083312A0A9F911F5E3D812B4F52E2AB92062D69714D2261D86E35A6DDF6C81BB",
        ),
    ],
)
def test_taobao_signs_chinese_values_as_utf_8(method: str, secret: str, expected: str) -> None:
    parameters = {"method": "方法", "app_key": "1", "fields": "标题,价格"}
    assert taobao.sign(parameters, secret, method) == expected


def test_taobao_refuses_an_unknown_method() -> None:
    with pytest.raises(InputError, match=r"sha1.*use one of md5, hmac, hmac-sha256"):
        taobao.sign({"method": "m"}, "s", "sha1")


# JD and Pinduoduo


def test_jd_signs_the_trace_request_of_the_logistics_gateway() -> None:
    parameters = JD_PARAMETERS | {
        "360buy_param_json": '{"customerCode":"010K000000","waybillCode":"JDV000000000001"}',
        "method": "jingdong.ldop.receive.trace.get",
        "timestamp": "2024-06-18 10:00:00",
    }
    assert jd.sign(parameters, "yourappSecret") == "4ED7F651DCB2E3C906ABC26AB9DA758A"


@pytest.mark.parametrize("sign", [jd.sign, pdd.sign])
def test_jd_and_pdd_sign_chinese_values_as_utf_8(sign: Callable[..., str]) -> None:
    parameters = {"method": "jd.x", "360buy_param_json": '{"remark":"易碎 & 轻放"}', "sign": "OLD"}
    assert sign(parameters, "密钥") == "DAEE8311DE71C8B5B348BAE19F6277C2"


# Douyin


def test_douyin_json_is_canonical_at_every_depth() -> None:
    value = {
        "z": 1.0,
        "a": [{"d": 2.50, "c": [-0.0, 1e3], "b": None}, True],
        "html": "<b>&'</b>",
        "茶": '绿茶\n"1"',
    }
    assert douyin.canonical_json(value) == (
        '{"a":[{"b":null,"c":[0,1000],"d":2.5},true],"html":"<b>&\'</b>","z":1,"茶":"绿茶\\n\\"1\\""}'
    )


def test_douyin_json_keeps_zero_false_empty_and_long_ids() -> None:
    value = {"page": 0, "order_asc": False, "note": "", "ids": [], "sku_id": 1726453912847360123}
    assert douyin.canonical_json(value) == (
        '{"ids":[],"note":"","order_asc":false,"page":0,"sku_id":1726453912847360123}'
    )


@pytest.mark.parametrize("value", [{"at": SIGNED_AT}, {"price": float("nan")}, [float("inf")]])
def test_douyin_json_refuses_what_json_cannot_say(value: Any) -> None:
    with pytest.raises(InputError, match="can't be written as JSON"):
        douyin.canonical_json(value)


def test_douyin_signs_unescaped_utf_8() -> None:
    param_json = douyin.canonical_json({"product": "茶 <绿>&红"})
    assert douyin.sign("k", "密钥", "order.searchList", param_json, "1") == (
        "40cff3694794f39e149e83161b07114f1467a1cdbae5bb913b18c7b941db44a5"
    )
    body = '[{"data":"订单"}]'.encode()
    assert douyin.push_signature("k", "密钥", body) == "2b542a8277d78ff10f11e47bb17837f1"


# Carriers


def test_sf_express_encodes_as_java_does() -> None:
    assert sf_express.sign('{"a":"顺丰 *~/+"}', "1718676000", "word") == "hBXiPTbDZTXuU/DAS78cSA=="


def test_kuaidi100_signs_chinese_values_as_utf_8() -> None:
    assert kuaidi100.sign('{"from":"上海"}', "k", "c") == "3F5AE7648003D3275FA6FB8103F4288B"
    pushed = kuaidi100.push_signature('{"context":"已签收"}', "盐")
    assert pushed == "6D0AA0FC296655DE2E32A9F90DABAF8D"


def test_kuaidi100_recorded_push_form_verifies_until_it_is_changed(reference: Path) -> None:
    path = reference / "fixtures" / "kuaidi100" / "push_callback_form.json"
    form = json.loads(path.read_text(encoding="utf-8"))
    assert kuaidi100.push_signature(form["param"], form["salt"]) == form["sign"]
    changed = form["param"].replace("JD0076810060555", "JD0076810060556")
    assert kuaidi100.push_signature(changed, form["salt"]) != form["sign"]
    rewritten = json.dumps(json.loads(form["param"]))
    assert kuaidi100.push_signature(rewritten, form["salt"]) != form["sign"]


def test_cainiao_and_17track_sign_chinese_values_as_utf_8() -> None:
    assert cainiao.sign('{"city":"杭州"}', "密") == "dFRC5OTV5zwFNaDQSqduHA=="
    assert seventeen_track.push_signature('{"location":"深圳"}'.encode(), "密") == (
        "0cd7d1ccc4c0d9cdfb3d25af282ebeb0e7e6130abadbe054cf563e061421d46e"
    )


# Webhooks signed with Base64 of an HMAC-SHA256


@pytest.mark.parametrize(
    "sign",
    [aftership.push_signature, shopify.webhook_signature, woocommerce.webhook_signature],
    ids=["aftership", "shopify", "woocommerce"],
)
def test_webhook_signature_covers_the_raw_bytes(sign: Callable[[bytes, str], str]) -> None:
    body = '{"note":"谢谢"}'.encode()
    assert sign(body, "密") == "qm+Tv68ji3Mlx5hzLVqpAbeRTweUk6tOVOUCalN4zGQ="
    assert sign(body + b"\n", "密") != sign(body, "密")
    assert sign(body, "蜜") != sign(body, "密")


# Shopify callbacks and WooCommerce without TLS


def test_shopify_callback_escapes_delimiters_and_writes_lists_as_json() -> None:
    query = {"shop": "茶&b=c%", "ids[]": ["1", "2"], "code": "1", "hmac": "OLD"}
    assert shopify.callback_signature(query, "hush") == (
        "59e3d5bd79c8edd70d0dfbc1eb15aafa3005990c7be49ccc44748b36ef88252f"
    )
    joined = {"shop": "茶", "b": "c%", "ids[]": ["1", "2"], "code": "1"}
    assert shopify.callback_signature(joined, "hush") != shopify.callback_signature(query, "hush")


def test_woocommerce_base_string_is_that_of_the_oauth_specification() -> None:
    """The example of OAuth Core 1.0, appendix A.5.1."""
    parameters = {
        "oauth_consumer_key": "dpf43f3p2l4k3l03",
        "oauth_token": "nnch734d00sl2jdk",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "1191242096",
        "oauth_nonce": "kllo9940pd9333jh",
        "oauth_version": "1.0",
        "file": "vacation.jpg",
        "size": "original",
        "oauth_signature": "OLD",
    }
    base = woocommerce.oauth_base_string("get", "http://photos.example.net/photos", parameters)
    assert base == (
        "GET&http%3A%2F%2Fphotos.example.net%2Fphotos&file%3Dvacation.jpg%26"
        "oauth_consumer_key%3Ddpf43f3p2l4k3l03%26oauth_nonce%3Dkllo9940pd9333jh%26"
        "oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1191242096%26"
        "oauth_token%3Dnnch734d00sl2jdk%26oauth_version%3D1.0%26size%3Doriginal"
    )


def test_woocommerce_signs_chinese_parameters() -> None:
    base = woocommerce.oauth_base_string(
        "GET",
        "http://shop.example/wp-json/wc/v3/orders",
        {"search": "茶 ~", "oauth_nonce": "n"},
    )
    assert woocommerce.oauth_signature(base, "cs_x") == (
        "tGie9ZgcUzdYyyv6cApJ/xp4KC6eEigiJKzxSO2uCrA="
    )


# Stripe

STRIPE_BODY = '{"note":"谢谢"}'.encode()
STRIPE_V1 = "bf75e79ce9f3add3a8f63beed4d2d7b8c7722aa9012e51ed5285e6ec3d122c77"
STRIPE_HEADER = f"t=1718676000,v1={STRIPE_V1}"


def test_stripe_signature_is_what_openssl_makes() -> None:
    assert stripe.webhook_signature(STRIPE_BODY, "whsec_x", 1718676000) == STRIPE_V1


@pytest.mark.parametrize(
    "header",
    [
        STRIPE_HEADER,
        f"t=1718676000,v1={'0' * 64},v1={STRIPE_V1},v0=ignored",
        f"t=1718676000, v1={STRIPE_V1}, v1=é",
    ],
    ids=["one", "rotated secret", "spaces"],
)
def test_stripe_webhook_is_accepted_if_one_signature_fits(header: str) -> None:
    for seconds in (-300, 0, 300):
        now = SIGNED_AT + timedelta(seconds=seconds)
        stripe.verify_webhook(STRIPE_BODY, header, "whsec_x", now)


@pytest.mark.parametrize("seconds", [301, -301, 86400])
def test_stripe_webhook_of_another_time_is_refused(seconds: int) -> None:
    now = SIGNED_AT + timedelta(seconds=seconds)
    with pytest.raises(PermanentError, match="more than 300 seconds away"):
        stripe.verify_webhook(STRIPE_BODY, STRIPE_HEADER, "whsec_x", now)
    stripe.verify_webhook(STRIPE_BODY, STRIPE_HEADER, "whsec_x", now, tolerance_seconds=90000)


@pytest.mark.parametrize(
    ("body", "header", "secret"),
    [
        (STRIPE_BODY + b" ", STRIPE_HEADER, "whsec_x"),
        (STRIPE_BODY, STRIPE_HEADER, "whsec_y"),
        (STRIPE_BODY, STRIPE_HEADER.replace("1718676000", "1718676001"), "whsec_x"),
        (STRIPE_BODY, STRIPE_HEADER.replace("v1=", "v1=é"), "whsec_x"),
        (STRIPE_BODY, STRIPE_HEADER + "0", "whsec_x"),
    ],
    ids=["body", "secret", "time", "not ascii", "longer"],
)
def test_stripe_webhook_that_was_tampered_with_is_refused(
    body: bytes, header: str, secret: str
) -> None:
    with pytest.raises(PermanentError, match="not signed with the secret"):
        stripe.verify_webhook(body, header, secret, SIGNED_AT)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        "t=1718676000",
        f"v1={STRIPE_V1}",
        f"t=,v1={STRIPE_V1}",
        f"t=-1,v1={STRIPE_V1}",
        f"t=１,v1={STRIPE_V1}",
        f"t=1718676000,v0={STRIPE_V1}",
        f"t=1718676000,t=1,v1={STRIPE_V1}",
    ],
)
def test_stripe_webhook_with_a_malformed_header_is_refused(header: str) -> None:
    with pytest.raises(PermanentError, match="not of the form"):
        stripe.verify_webhook(STRIPE_BODY, header, "whsec_x", SIGNED_AT)


# Alipay


def test_alipay_signature_verifies_until_a_value_is_changed(keys: Keys) -> None:
    form = {"subject": "绿茶 & 红茶", "total_amount": "88.88", "sign_type": "RSA2"}
    text = alipay.string_to_sign(form, notify=True)
    signature = alipay.sign(text, keys.private)
    assert alipay.verify(text, signature, keys.public)
    dearer = alipay.string_to_sign(form | {"total_amount": "188.88"}, notify=True)
    assert not alipay.verify(dearer, signature, keys.public)


def test_alipay_request_leaves_out_empty_values_and_a_notification_keeps_them() -> None:
    parameters = {"sign_type": "RSA2", "b": "茶=1", "a": "", "sign": "OLD"}
    assert alipay.string_to_sign(parameters, notify=False) == "b=茶=1&sign_type=RSA2"
    assert alipay.string_to_sign(parameters, notify=True) == "a=&b=茶=1"


@pytest.mark.parametrize("signature", ["", "é", "not base64!", "AAAA", "A" * 344])
def test_alipay_refuses_what_is_no_signature(signature: str, keys: Keys) -> None:
    assert not alipay.verify("a=1", signature, keys.public)


def test_keys_are_read_without_their_pem_lines_too(keys: Keys) -> None:
    private, public = _bare(keys.private), _bare(keys.public)
    signature = alipay.sign("a=1", private)
    assert signature == alipay.sign("a=1", keys.private)
    assert alipay.verify("a=1", signature, public)


def test_key_that_is_no_rsa_key_is_refused_without_showing_it(keys: Keys) -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1())
    pem = elliptic.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    for text in (pem, "", "c2VjcmV0", "secret", keys.public):
        with pytest.raises(InputError, match="not a readable RSA key") as caught:
            alipay.sign("a=1", text)
        assert not text or text not in str(caught.value)
    for text in (pem, "", "c2VjcmV0", "secret"):
        with pytest.raises(InputError, match="not a readable RSA key"):
            alipay.verify("a=1", "AAAA", text)


# WeChat Pay


def test_wechat_pay_header_carries_the_signature_of_the_request(keys: Keys) -> None:
    header = wechat_pay.authorization_header(
        method="POST",
        url_path_and_query="/v3/refund/domestic/refunds?note=%E8%8C%B6",
        body='{"reason":"退货"}'.encode(),
        merchant_id="1900000001",
        serial_no="SERIAL",
        private_key_pem=keys.private,
        timestamp="1718676000",
        nonce="N0",
    )
    scheme, _, pairs = header.partition(" ")
    fields = {name: value.strip('"') for name, _, value in _pairs(pairs)}
    signature = fields.pop("signature")
    assert scheme == "WECHATPAY2-SHA256-RSA2048"
    assert fields == {
        "mchid": "1900000001",
        "nonce_str": "N0",
        "timestamp": "1718676000",
        "serial_no": "SERIAL",
    }
    message = (
        'POST\n/v3/refund/domestic/refunds?note=%E8%8C%B6\n1718676000\nN0\n{"reason":"退货"}\n'
    )
    assert wechat_pay.verify(message.encode(), signature, keys.public)


def test_wechat_pay_response_verifies_until_it_is_changed(keys: Keys) -> None:
    body = '{"summary":"支付成功"}'.encode()
    signature = wechat_pay.sign(wechat_pay.response_message("1", "n", body), keys.private)
    assert wechat_pay.verify(wechat_pay.response_message("1", "n", body), signature, keys.public)
    for changed in [("1", "n", body + b" "), ("2", "n", body), ("1", "m", body)]:
        message = wechat_pay.response_message(*changed)
        assert not wechat_pay.verify(message, signature, keys.public)


def test_wechat_pay_probe_signature_is_refused(keys: Keys) -> None:
    message = wechat_pay.response_message("1", "n", b"{}")
    signature = wechat_pay.sign(message, keys.private)
    probes = [f"WECHATPAY/SIGNTEST/{signature}", "WECHATPAY/SIGNTEST/" + "A" * 325]
    assert not any(wechat_pay.verify(message, probe, keys.public) for probe in probes)


@pytest.mark.parametrize("key_bytes", [16, 24, 32])
@pytest.mark.parametrize("associated_data", ["", "transaction", "退款"])
def test_wechat_pay_resource_is_decrypted(key_bytes: int, associated_data: str) -> None:
    key = os.urandom(key_bytes)
    plain = '{"trade_state":"SUCCESS","attach":"茶"}'.encode()
    ciphertext = _encrypt(key, "fdasflkja484", plain, associated_data)
    decrypted = wechat_pay.decrypt_resource(key, "fdasflkja484", ciphertext, associated_data)
    assert decrypted == plain


def test_wechat_pay_resource_that_was_tampered_with_is_refused() -> None:
    key = b"0123456789abcdef0123456789ABCDEF"
    ciphertext = _encrypt(key, "fdasflkja484", b"{}", "transaction")
    flipped = bytearray(base64.b64decode(ciphertext))
    flipped[0] ^= 1
    attempts = [
        (key, "fdasflkja484", base64.b64encode(flipped).decode(), "transaction"),
        (key, "fdasflkja485", ciphertext, "transaction"),
        (key, "fdasflkja484", ciphertext, ""),
        (key[::-1], "fdasflkja484", ciphertext, "transaction"),
    ]
    for attempt in attempts:
        with pytest.raises(PermanentError, match="check the APIv3 key"):
            wechat_pay.decrypt_resource(*attempt)


@pytest.mark.parametrize(
    ("nonce", "ciphertext"), [("fdasflkja484", "é"), ("fdasflkja484", "AAA"), ("", "AAAA")]
)
def test_wechat_pay_malformed_resource_breaks_the_contract(nonce: str, ciphertext: str) -> None:
    with pytest.raises(ContractError, match="malformed resource"):
        wechat_pay.decrypt_resource(b"0" * 32, nonce, ciphertext, "")


def test_wechat_pay_key_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="has 31 bytes, not 32"):
        wechat_pay.decrypt_resource(b"0" * 31, "fdasflkja484", "AAAA", "")


def test_wechat_pay_recorded_notification_verifies_and_opens(reference: Path) -> None:
    path = reference / "fixtures" / "wechatpay" / "notify_vector_tencent_sdk.json"
    recorded = json.loads(path.read_text(encoding="utf-8"))
    headers, body = recorded["headers"], recorded["body_raw"].encode()
    time, nonce = headers["Wechatpay-Timestamp"], headers["Wechatpay-Nonce"]
    signature, certificate = headers["Wechatpay-Signature"], recorded["platform_cert_pem"]
    message = wechat_pay.response_message(time, nonce, body)
    assert wechat_pay.verify(message, signature, certificate)
    changed = wechat_pay.response_message(time, nonce, body.replace("成功".encode(), b"!"))
    assert not wechat_pay.verify(changed, signature, certificate)

    resource = json.loads(body)["resource"]
    plain = wechat_pay.decrypt_resource(
        recorded["apiv3_key_test"].encode(),
        resource["nonce"],
        resource["ciphertext"],
        resource["associated_data"],
    )
    assert plain.decode() == recorded["expected_plaintext"]


# Chat robots


def test_chat_robots_sign_with_chinese_secrets() -> None:
    assert chat_signing.dingtalk_sign("密", 1718676000000) == (
        "DOESJ00jHkpnp%2B4Yo%2F3eV5cZ3eGvGPBU0FQdgkTmheA%3D"
    )
    assert chat_signing.feishu_sign("密", 1718676000) == (
        "Z6/rjGgpr7hObq4WvDJ0pxrAqtl78/ul942ByMxA7ac="
    )


def _encrypt(key: bytes, nonce: str, plain: bytes, associated_data: str) -> str:
    encrypted = AESGCM(key).encrypt(nonce.encode(), plain, associated_data.encode())
    return base64.b64encode(encrypted).decode()


def _bare(pem: str) -> str:
    return "\n".join(line for line in pem.splitlines() if not line.startswith("-----"))


def _pairs(text: str) -> list[tuple[str, str, str]]:
    return [pair.partition("=") for pair in text.split(",")]
