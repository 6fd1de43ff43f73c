# すべてのページに共通の枠
shell-skip = 本文へ移動
shell-sandbox = お試し環境
shell-sandbox-why = ここで発行されるものは公的な身分証ではありません。
shell-navigation = メニュー
shell-footer = このページは、上に表示されている事業者のサーバーだけで動いています。ほかからは何も読み込みません。
shell-reference = お問い合わせ番号

problem-home = 最初のページへ
problem-not_found = このアドレスにページはありません
problem-not_found-what = アドレス全体をコピーしたか確認するか、最初のページからやり直してください。
problem-method_not_allowed = このアドレスは直接開けません
problem-method_not_allowed-what = 前のページに戻り、ボタンまたはリンクから進んでください。
problem-body_too_large = 送信された内容が大きすぎます
problem-body_too_large-what = 前のページに戻り、小さくしてから送信してください。
problem-file_too_large = ファイルが大きすぎます
problem-file_too_large-what = 前のページに戻り、より小さいファイルを選んでください。
problem-rate_limited = アクセスが集中しています
problem-rate_limited-what = お使いのネットワークからのアクセスが多すぎます。1分ほど待ってから、ページを読み込み直してください。
problem-internal = こちらで問題が発生しました
problem-internal-what = もう一度お試しください。繰り返す場合は、下のお問い合わせ番号を添えてご連絡ください。
problem-timeout = 時間がかかりすぎました
problem-timeout-what = しばらく待ってから、ページを読み込み直してください。

steps-label = 進み具合
steps-of = { $steps }ステップ中の{ $step }

card-sandbox = お試し

check-name = 確認項目
check-value = 測定値
check-threshold = 基準
check-outcome = 結果
outcome-pass = 合格
outcome-warn = 要確認
outcome-fail = 不合格
outcome-not-performed = 未実施

consent-purpose = 使いみち
consent-kept = 保存期間
consent-shared = お渡しする情報 { $count }件
consent-hidden = お渡ししない情報

qr-alt = ウォレットで読み取るQRコード
qr-valid = 残り時間
qr-over = このコードの有効期限が切れました。ページを読み込み直すと新しいコードが表示されます。
qr-same-device = この端末のウォレットで開く

camera-start = カメラを使う
camera-starting = ブラウザーがカメラの使用について確認します。「許可」を選んでください。
camera-take = 撮影する
camera-again = 撮り直す
camera-upload = 写真を選ぶ
camera-preview = カメラの映像
camera-picture = 撮影した写真
camera-ready-face = 顔を楕円の中に入れ、正面を向いてください。
camera-ready-document = 顔写真のページを枠の中に入れてください。
camera-dark = 暗すぎます。明るいほうを向いてください。
camera-bright = 明るすぎます。光源から少し離れてください。
camera-still = そのまま少し動かないでください。
camera-taken = 全体がはっきりと枠の中に写っていますか。
camera-sending = 送信しています
camera-refused = このページではカメラが許可されていません。アドレスの横のアイコンからカメラを許可してもう一度お試しいただくか、写真を選んでください。
camera-absent = この端末にはカメラが見つかりません。写真を選んでください。
camera-busy = ほかのアプリがカメラを使用しています。終了してからもう一度お試しいただくか、写真を選んでください。
camera-refused-only = このページではカメラが許可されていません。アドレスの横のアイコンからカメラを許可して、もう一度お試しください。
camera-absent-only = この端末にはカメラが見つかりません。カメラのある端末でこのページを開いてください。
camera-busy-only = ほかのアプリがカメラを使用しています。終了してから、もう一度お試しください。
camera-elsewhere = 別の端末で続ける
camera-failed = 録画できませんでした。もう一度カメラを起動してください。

capture-look-straight = カメラをまっすぐ見てください。
capture-turn-left = 顔をご自分の左へ向けてください。
capture-turn-right = 顔をご自分の右へ向けてください。
capture-nod = あごを引いて、うなずいてください。
capture-blink = 少しの間、目を閉じてください。
capture-come-closer = 少し近づいてください。
capture-hold-still = そのまま動かないでください。画面の色で顔を照らします。
capture-and-back = はい。では正面に戻って、カメラを見てください。
capture-no-face = 顔が写っていません。顔を楕円の中に入れてください。
capture-several-faces = 複数の顔が写っています。お一人で写ってください。
capture-too-far = もう少し近づいてください。
capture-too-close = 少し離れてください。
capture-off-centre = 楕円の中央に顔を合わせてください。
capture-too-dark = 暗すぎます。明るいほうを向いてください。
capture-too-bright = 明るすぎます。光源から少し離れてください。
capture-blurred = 少しの間、動かないでください。
capture-open-eyes = 目を開けてください。
capture-covered = 顔の一部が隠れています。顔全体が見えるようにしてください。

copy = コピー
copy-done = コピーしました

dialog-cancel = やめる

status-not-started = 未開始
status-in-progress = 手続き中
status-awaiting-user = 入力待ち
status-in-review = 審査中
status-approved = 承認済み
status-declined = 否認
status-resubmitted = 再提出依頼
status-expired = 期限切れ
status-kyc-expired = 本人確認の期限切れ
status-abandoned = 中断

return-soon = まもなく{ $host }に戻ります。
return-stay = このページにとどまる
return-stayed = このページにとどまります。いつでも戻れます。
embed-close = 閉じる
embed-stop-title = ここで中断しますか
embed-stop-what = お預かりした情報は暗号化されたまま残り、同じリンクから後で再開できます。
embed-stop = 中断して閉じる

reference-title = サーバー向けAPI
reference-key-how = コピーできるコマンドは、鍵をシェルの変数から読みます。鍵が履歴や画面に残りません。
reference-document = この文書(JSON)
reference-contents = 操作の一覧
reference-parameters = パラメーター
reference-body = 本文
reference-answers = 応答
reference-request = リクエスト
reference-answer = 応答 { $status }
reference-key = 鍵を入れるヘッダー:
reference-or = または
reference-no-key = 鍵は要りません。
reference-required = 必須
reference-in-path = パス
reference-in-query = クエリー
reference-in-header = ヘッダー
