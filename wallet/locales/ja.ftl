# ウォレットの画面

wallet-title = ウォレット
wallet-home = あなたの証明書
wallet-home-empty = まだ何も入っていません。
wallet-home-empty-hint = 発行者が本人確認を終えると、QRコードかリンクが表示されます。ここで開いてください。
wallet-open = 読み取る・貼り付ける
wallet-history = 履歴
wallet-share = 共有

wallet-card-issuer = 発行者：{ $issuer }
wallet-card-expired = 期限切れ
wallet-card-valid = 有効
wallet-card-details = くわしく見る

wallet-open-title = 読み取る・貼り付ける
wallet-open-lead = 発行者や提示先が表示したリンクかQRコードを開きます。同意するまで、この端末から情報は出ません。
wallet-open-link = リンク
wallet-open-link-hint = openid-credential-offer:// または openid4vp:// で始まります
wallet-open-go = 進む
wallet-open-picture = QRコードの写真
wallet-open-picture-hint = JPEG・PNG・WebP、15 MBまで。
wallet-open-picture-go = 写真を読み取る
wallet-open-camera-why = カメラはコードを読むためだけに使います。映像は端末の中に残ります。

wallet-offer-title = 証明書を受け取る
wallet-offer-from = { $issuer } から証明書が届いています。
wallet-offer-by-reference = 案内は { $issuer } にあります。進むと取得します。
wallet-offer-next = 取得して発行者と有効性を確かめ、暗号化してこの端末に保存します。
wallet-offer-tx-code = コード
wallet-offer-tx-code-hint = QRコードのそばに表示されています。なければ空欄のままにしてください。
wallet-offer-accept = 証明書を受け取る
wallet-cancel = あとにする

wallet-accepted-title = ウォレットに入りました
wallet-accepted-lead = { $issuer } の「{ $name }」を確かめて保存しました。
wallet-to-home = 証明書を見る

wallet-consent-title = { $name } が{ $count }項目を求めています
wallet-consent-registered = 登録済みで、情報を求める資格があります
wallet-consent-no-purpose = 目的は示されていません。
wallet-consent-always = 証明書の種類、発行者、有効期限、状態と、この証明書専用の鍵は必ず含まれます。
wallet-consent-how-long = 回答できる期限
wallet-consent-portrait = 顔写真が含まれています。{ $name } が本当に必要としている場合だけ渡してください。
wallet-consent-selfie = 端末の中での自撮り照合
wallet-consent-selfie-why = { $name } は本人であることの確認を求めています。自撮り写真を証明書の顔と照合します。写真も顔のデータも端末から出ません。{ $name } に伝わるのは一致したことだけです。
wallet-consent-selfie-own = あなたの設定により、共有の前に自撮りで照合します。写真は端末から出ません。
wallet-consent-agree = { $name } に{ $count }項目を渡す
wallet-consent-agree-none = { $name } に証明書を示す
wallet-consent-refuse = 何も渡さない

wallet-presented-title = { $name } に届きました
wallet-presented-lead = 渡した情報：
wallet-presented-nothing = 証明書を持っていることだけを示しました。中の項目は渡していません。
wallet-presented-continue = { $name } で続ける
wallet-refused-title = 何も渡していません
wallet-refused-lead = { $name } には回答がないことだけが伝わり、理由は伝わりません。

wallet-details-claims = 含まれている項目
wallet-details-face = 顔テンプレート
wallet-details-face-value = この端末だけに保存され、渡されません
wallet-details-type = 種類
wallet-details-issuer = 発行者
wallet-details-received = 受け取った日時
wallet-details-valid-from = 有効期間の開始
wallet-details-valid-until = 有効期限
wallet-details-status = 状態
wallet-details-status-valid = 最後の確認時は有効
wallet-details-no-pid = 国が発行した身分証ではありません。

wallet-history-title = 履歴
wallet-history-lead = 受け取ったものと渡したものの記録です。項目の名前だけを残し、値は残しません。
wallet-history-empty = まだ記録はありません。
wallet-history-CredentialIssuance = 受け取り
wallet-history-Presentation = 提示
wallet-history-share = 共有
wallet-history-CredentialDeletion = 削除
wallet-history-Completed = 完了
wallet-history-NotCompleted = 未完了
wallet-history-when = 日時
wallet-history-what = 内容
wallet-history-who = 相手
wallet-history-details = 項目
wallet-history-status = 状態
wallet-history-selfie = 端末の中で自撮りを照合
wallet-history-until = { $date }まで使用可
wallet-history-take-back = 渡した情報を取り戻すことはできません。共有は一度だけ、期限までしか使えません。削除を求めるときは、記録にある相手に連絡してください。

wallet-share-title = パートナーと共有する
wallet-share-lead = 選んだ項目を、相手だけが読めるように暗号化して渡します。共有は一度だけ、短い時間だけ使えます。
wallet-share-partner = パートナー
wallet-share-no-partner = 共有を受け取れるパートナーが登録簿にありません。
wallet-share-no-credential = 共有できる証明書がまだありません。
wallet-share-purpose = 目的
wallet-share-purpose-value = 口座開設
wallet-share-scope = 渡す項目
wallet-share-review = 渡す内容を確かめる
wallet-share-consent-title = { $name } と共有する
wallet-share-expires = 使用期限
wallet-share-made-title = 共有の準備ができました
wallet-share-made-lead = この文字列を { $name } に渡してください。{ $date }まで、一度だけ使えます。
wallet-share-token = 共有トークン

wallet-error-title = うまくいきませんでした
wallet-error-nothing-sent = 何も送っていません。
wallet-error-nothing-stored = 何も保存していません。
wallet-error-again = やり直す

wallet-error-link = ウォレット用のリンクではありません。リンク全体をコピーするか、QRコードを読み直してください。
wallet-error-qr = 写真の中に読み取れるQRコードがありません。近くから、まっすぐ、明るい場所で撮ってください。
wallet-error-qr-several = 写真にQRコードが複数あります。一つだけ写るように切り取ってください。
wallet-error-picture = 使える写真ではありません。15 MBまでのJPEG・PNG・WebPを選んでください。
wallet-error-tx-code = コードが違うか、期限が切れています。確かめてもう一度入力してください。5回間違えると使えなくなります。
wallet-error-issuer = この発行者は、発行を認められた相手として登録されていません。
wallet-error-credential = 証明書は検査に合格しませんでした。
wallet-error-revoked = 証明書は発行者によって失効しています。
wallet-error-verifier = この相手は、情報を求める資格のある相手として登録されていません。
wallet-error-request = 要求が正しくありません。新しいQRコードを表示してもらってください。
wallet-error-expired = 要求または案内の期限が切れています。新しいQRコードを表示してもらってください。
wallet-error-no-match = この要求に応えられる証明書がありません。
wallet-error-face = 証明書の顔と一致しません。明るい場所でカメラをまっすぐ見て、もう一度お試しください。
wallet-error-selfie = この自撮りは使えませんでした。一人だけで、正面から、近く、明るい場所で撮ってください。
wallet-error-not-live = 写真を撮り直したもののように見えます。カメラで直接撮ってください。
wallet-error-liveness = 求められた生体検知が入っていません。「warifu models fetch」を実行してください。
wallet-error-models = 顔のモデルが入っていません。「warifu models fetch」を実行してください。
wallet-error-network = 相手につながらないか、相手が誤りを返しました。少し待ってからやり直してください。
wallet-error-registry = 登録簿から使える一覧が得られず、誰も信頼できません。少し待ってからやり直してください。
wallet-error-other = うまく処理できませんでした。理由の名前は下にあります。
wallet-error-code = 理由

wallet-locked-title = リンクからウォレットを開いてください
wallet-locked-lead = この画面は「warifu wallet serve」が表示したリンクでだけ開きます。リンク全体をアドレス欄に貼り付けてください。

wallet-home-short = 証明書
wallet-consent-kept-unknown = 示されていません。相手に尋ねるか、相手の個人情報の説明をご覧ください。
wallet-value-yes = はい
wallet-value-no = いいえ
wallet-value-picture = 写真（下に表示）
wallet-sex-0 = 不明
wallet-sex-1 = 男
wallet-sex-2 = 女
wallet-sex-3 = その他
wallet-sex-9 = 該当なし
