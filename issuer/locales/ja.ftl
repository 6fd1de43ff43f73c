# 発行者の本人確認ページ
home-title = 本人確認の発行者
home-what = { $name }は、一度行った本人確認の結果をお使いのウォレットにお届けします。
home-how = 本人確認を依頼した事業者からリンクが届きます。リンクがない場合、このページですることはありません。
home-operator = 運営: { $authority }({ $country })
home-metadata = ウォレット向けの発行者情報

step-document = 身分証
step-selfie = 自撮り
step-result = 結果

welcome-title = 本人確認
welcome-what = 「<<<」の行があるパスポートまたは身分証をご用意ください。1分ほどで終わります。
welcome-step-document = 顔写真のあるページを撮影します。
welcome-step-selfie = 自撮り写真を撮り、身分証の顔写真と照合します。
welcome-step-result = 結果はすぐに表示され、ウォレットに保存できます。
welcome-kept = 写真は暗号化して保管します。削除を求めることもできます。
welcome-consent = 「始める」を選ぶと、この目的のために身分証と顔を確認することに同意したことになります。同意がないと本人確認はできません。ページを閉じれば、いつでも中止できます。
welcome-start = 始める

document-title = 身分証の撮影
document-what = 平らな場所に置き、顔写真と下端の行を含むページ全体を写してください。
document-reason = カメラは身分証を1枚撮影するためだけに使います。ほかには何も記録しません。
document-send = この写真を使う
document-again = この写真は使えません
document-uncertain = 一部を確実に読み取れませんでした
document-retake = 身分証を撮り直す

selfie-title = 自撮り写真
selfie-what = 明るい場所で、お一人で正面を向いてください。サングラスは外してください。
selfie-reason = 自撮り写真を身分証の顔写真と照合します。どちらも暗号化して保管し、削除を求めることもできます。
selfie-send = この写真を使う
selfie-again = この自撮り写真は使えません

approved-title = 本人確認が完了しました
approved-what = 身分証と自撮り写真が同じ人物のものと確認できました。
approved-revoked = この証明は失効しました
approved-revoked-what = この証明はもう使えません。依頼元に改めて本人確認をお申し出ください。
wallet-title = ウォレットに入れる
wallet-what = ウォレットでコードを読み取るか、この端末で開いてください。公的な電子身分証(PID)ではありません。
wallet-code = ウォレットで入力する番号:
wallet-link = リンクで開く場合
wallet-taken-what = ウォレットの中で、この発行者の名前で表示されます。
wallet-again = 別のウォレットに入れる
state-offer = ウォレットの操作を待っています
state-taken = ウォレットに保存されました
state-active = お手続きを待っています

declined-title = 本人確認ができませんでした
declined-what = 理由は次のとおりです。
declined-now = 心当たりがない場合は、依頼元にお問い合わせください。依頼元も同じ理由を確認でき、やり直すことができます。

review-title = 担当者が確認します
review-what = 自動では判断できない点がありました。
review-when = 結果は、通常2営業日以内に依頼元からご連絡します。今していただくことはありません。

over-title = このリンクは終了しました
over-what = 手続きの期限が過ぎました。依頼元に新しいリンクをお求めください。

read-title = 読み取った内容
checks-title = 確認した項目
field-name = 氏名
field-birth-date = 生年月日
field-nationality = 国籍
field-document = 身分証
field-expires = 身分証の有効期限
field-status = 本人確認の結果
field-result = 結果とスコア
callback = 元のサービスに戻る

consent-title = 本人確認の結果を共有
consent-known-as = 信頼レジストリに { $audience } として登録されています
consent-kept-by-recipient = 受取先のプライバシーポリシーによります
consent-agree = { $name }に{ $count }件の情報を渡す
consent-refuse = 渡さない
hidden-pictures = 身分証と自撮りの写真
hidden-template = 顔テンプレート
shared-title = 同意を記録しました
shared-what = 受取先は、同意された情報を短い期間に一度だけ受け取れます。

refused-title = 処理できませんでした
refused-no-session = このリンクは無効です。全体をコピーしたか確認するか、新しいリンクをお求めください。
refused-out-of-turn = この手順は今は行えません。リンクを開き直して、次の手順を確認してください。
refused-tries = 試行回数の上限を超えました。依頼元に新しいリンクをお求めください。
refused-erased = データは削除されました。もう一度確認するには新しいリンクをお求めください。
refused-audience = この相手に情報を渡すことはできません。
refused-busy = ほかの操作と重なりました。もう一度お試しください。
refused-field = 入力に不足または誤りがあります。
refused-models = 現在、このサーバーでは確認を行えません。しばらくしてからお試しください。
refused-internal = こちらで問題が発生しました。もう一度お試しください。

# 確認項目
check-image_quality = 身分証の写真
check-document_found = 身分証
check-mrz_found = 機械読取領域
check-mrz_check_digits = チェックデジット
check-mrz_visual_zone = 印字された文字
check-document_expiry = 有効期限
check-document_issuer = 身分証の発行者
check-minimum_age = 年齢
check-portrait_found = 顔写真
check-one_live_face = 自撮りの顔
check-passive_liveness = 生体検知
check-face_match = 本人との一致

# 確認の結果
reason-quality-good = 写真は鮮明で、明るさも適切です。
reason-quality-blurred = 写真がぼけています。端末を動かさず、ピントが合ってから撮影してください。
reason-quality-dark = 写真が暗すぎます。明るい場所で撮影してください。
reason-quality-bright = 写真が明るすぎます。光源を避け、フラッシュを使わずに撮影してください。
reason-quality-glare = 光の反射で一部が見えません。身分証を少し傾けてください。
reason-quality-small = 写真が小さく、文字を読み取れません。近づいて撮影してください。
reason-document-seen = 文字のある身分証が写っています。
reason-document-not-seen = 身分証が写っていません。平らな場所に置き、ページ全体を写してください。
reason-mrz-seen = 機械読取領域が見つかりました。
reason-mrz-not-seen = 「<<<」の並ぶ行が見つかりません。ページの下端まで全体を写してください。
reason-digits-hold = チェックデジットはすべて正しい値です。
reason-digits-confirmed = 1文字を補正し、印字された番号と一致しました。
reason-digits-uncertain = 機械読取領域を確実に読み取れませんでした。
reason-digits-wrong = 機械読取領域のチェックデジットが合いません。
reason-visual-agrees = 印字された文字と機械読取領域が一致しています。
reason-visual-differs = 印字された文字と機械読取領域が一致しません。
reason-visual-not-read = 印字された文字を読み取れず、照合していません。
reason-document-in-force = 身分証は有効期限内です。
reason-document-expired = 身分証の有効期限が切れています。有効な身分証を使ってください。
reason-date-not-read = 身分証の日付を読み取れませんでした。
reason-issuer-taken = この発行者の身分証は受け付けています。
reason-specimen-taken = 見本の身分証です。お試し環境のため受け付けました。
reason-specimen-refused = 見本の身分証です。ご自身の身分証を使ってください。
reason-old-enough = 年齢の条件を満たしています。
reason-too-young = このサービスの年齢の条件を満たしていません。
reason-no-minimum-age = 年齢の条件はありません。
reason-portrait-seen = 身分証の顔写真が見つかりました。
reason-portrait-small = 身分証の顔写真が小さく、照合の確かさが下がります。
reason-portrait-not-seen = 身分証の顔写真が見つかりません。顔写真のあるページを写してください。
reason-one-face = 自撮り写真には顔が一つだけ写っています。
reason-no-face = 自撮り写真に顔が見つかりません。明るい場所で正面を向いてください。
reason-several-faces = 自撮り写真に複数の顔が写っています。お一人で撮影してください。
reason-face-small = 顔が小さすぎます。カメラに近づいてください。
reason-face-blurred = 自撮り写真がぼけています。端末を動かさずに撮影してください。
reason-face-dark = 自撮り写真が暗すぎます。明るい場所で撮影してください。
reason-face-bright = 自撮り写真が明るすぎます。光源を避けてください。
reason-liveness-live = カメラの前の本人を撮影したものと見られます。
reason-liveness-attack = 写真や画面を撮影したものと見られます。
reason-liveness-not-performed = 生体検知は行っていません。必要なモデルが導入されていません。
reason-liveness-too-tight = 顔が画面いっぱいに写り、生体検知を行えませんでした。カメラを離して撮影してください。
reason-same-person = 自撮り写真は身分証の本人と一致しました。
reason-perhaps-same-person = 自撮り写真は身分証の本人と見られますが、確実ではありません。
reason-other-person = 自撮り写真は身分証の本人と一致しません。
reason-not-compared = 顔を照合できませんでした。
reason-not-made = この確認は行っていません。
reason-picture-empty = 写真が届いていません。選び直して送信してください。
reason-picture-unknown = JPEG、PNG、WebPの写真ではありません。写真を選んでください。
reason-picture-too-large = ファイルが大きすぎます。15 MB以下の写真を送信してください。
reason-picture-too-many-pixels = 写真の画素数が多すぎます。4,000万画素以下の写真を送信してください。
reason-picture-damaged = 写真が壊れているか、途中で切れています。撮り直してください。
