# The shell around every page.
shell-skip = Skip to the content
shell-sandbox = Sandbox
shell-sandbox-why = Nothing here is a state-issued document.
shell-navigation = Main
shell-footer = Warifu runs on the servers of whoever you see above. It loads nothing from anyone else.
shell-reference = Reference

problem-home = Go to the first page
problem-not_found = There is nothing at this address
problem-not_found-what = Check that you copied all of it, or begin again on the first page.
problem-method_not_allowed = This address cannot be opened like this
problem-method_not_allowed-what = Go back to the page before and use its button or link.
problem-body_too_large = That was too large
problem-body_too_large-what = Go back and send something smaller.
problem-file_too_large = The file is too large
problem-file_too_large-what = Go back and choose a smaller file.
problem-rate_limited = Too much at once
problem-rate_limited-what = There were too many requests from your network. Wait a minute, then load the page again.
problem-internal = Something failed on our side
problem-internal-what = Try again. If it happens again, name the reference below when you ask for help.
problem-timeout = This took too long
problem-timeout-what = Wait a moment, then load the page again.

steps-label = Progress
steps-of = Step { $step } of { $steps }

card-sandbox = Sandbox

check-name = Check
check-value = Measured
check-threshold = Threshold
check-outcome = Outcome
outcome-pass = Passed
outcome-warn = Look again
outcome-fail = Failed
outcome-not-performed = Not performed

consent-purpose = What for
consent-kept = Kept
consent-shared = { $count ->
    [one] You share 1 detail
   *[other] You share { $count } details
 }
consent-hidden = Stays hidden

qr-alt = QR code to scan with your wallet
qr-valid = Valid for
qr-over = This code has expired. Load the page again for a new one.
qr-same-device = Open on this device

camera-start = Start the camera
camera-starting = Your browser asks whether this page may use the camera. Choose “Allow”.
camera-take = Take the picture
camera-again = Take again
camera-upload = Choose a picture instead
camera-preview = Live picture of your camera
camera-picture = The picture you took
camera-ready-face = Look straight ahead, with your face inside the oval.
camera-ready-document = Put the page with your photo inside the frame.
camera-dark = Too dark. Turn towards a light.
camera-bright = Too bright. Turn away from the light.
camera-still = Hold still for a moment.
camera-taken = Is everything sharp and inside the frame?
camera-sending = Sending the picture
camera-refused = The camera is not allowed for this page. Select the icon beside the address, allow the camera and try again, or choose a picture.
camera-absent = No camera was found on this device. Choose a picture instead.
camera-busy = Another program is using the camera. Close it and try again, or choose a picture.
camera-refused-only = The camera is not allowed for this page. Select the icon beside the address, allow the camera and try again.
camera-absent-only = No camera was found on this device. Open this page on a device that has one.
camera-busy-only = Another program is using the camera. Close it and try again.
camera-elsewhere = Go on with another device
camera-failed = The recording could not be made. Start the camera again.

capture-look-straight = Look straight into the camera.
capture-turn-left = Turn your head to your left.
capture-turn-right = Turn your head to your right.
capture-nod = Lower your chin.
capture-blink = Close your eyes for a moment.
capture-come-closer = Come a little closer.
capture-hold-still = Hold still. The screen lights your face in several colours.
capture-and-back = Good. Now back to the middle, eyes on the camera.
capture-no-face = No face is in the picture. Bring your face inside the oval.
capture-several-faces = More than one face is in the picture. Be alone in it.
capture-too-far = Come closer.
capture-too-close = Move back a little.
capture-off-centre = Move to the middle of the oval.
capture-too-dark = Too dark. Turn towards a light.
capture-too-bright = Too bright. Turn away from the light.
capture-blurred = Hold still for a moment.
capture-open-eyes = Open your eyes.
capture-covered = Something covers your face. Show all of it.

copy = Copy
copy-done = Copied

dialog-cancel = Cancel

status-not-started = Not Started
status-in-progress = In Progress
status-awaiting-user = Awaiting User
status-in-review = In Review
status-approved = Approved
status-declined = Declined
status-resubmitted = Resubmitted
status-expired = Expired
status-kyc-expired = Kyc Expired
status-abandoned = Abandoned

return-soon = You are taken back to { $host } in a few seconds.
return-stay = Stay on this page
return-stayed = You stay here. Go back whenever you want.
embed-close = Close
embed-stop-title = Stop here?
embed-stop-what = What you handed over stays encrypted, and you can go on later with the same link.
embed-stop = Stop and close

reference-title = API for your servers
reference-key-how = The lines to copy take the key from a variable of your shell, so it stands in no history and on no screen.
reference-document = The document as JSON
reference-contents = Operations
reference-parameters = Parameters
reference-body = Body
reference-answers = Answers
reference-request = Request
reference-answer = Answer { $status }
reference-key = Key in the header
reference-or = or
reference-no-key = No key is needed.
reference-required = Required
reference-in-path = in the path
reference-in-query = in the query
reference-in-header = in a header
